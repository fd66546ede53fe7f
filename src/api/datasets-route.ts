import { type Request, type RequestHandler, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import type { DatasetFields } from '../shared/dataset-store.ts';
import type { Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import { encodeCursor } from './cursor.ts';
import { type DatasetAccess, mustBeThere } from './dataset-access.ts';
import { DATASETS_PATH, toDatasetRecord } from './dataset-record.ts';
import { type DatasetPage, datasetPatch, datasetRequest, datasetsQuery } from './dataset-schemas.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { parseQuery, readBody, validationFailed } from './validation.ts';

const READ = { repeatForMs: 2_000 };
const WRITE = { repeatForMs: 5_000 };

type DatasetRequest = Request<{ id: string }>;

/** `GET` and `POST /ai/datasets`; `GET`, `PATCH` and `DELETE /ai/datasets/{id}`. Its images and logo are apart. */
export function createDatasetsRoute(deps: {
  store: Pick<Store, 'createDataset' | 'listDatasets' | 'updateDataset' | 'deleteDataset'>;
  storage: Pick<Storage, 'objectUrl'>;
  datasetAccess: DatasetAccess;
  jsonBody: RequestHandler;
}): Router {
  const { store, storage, datasetAccess: access } = deps;

  const list = async (req: Request, res: Response): Promise<void> => {
    const { scope } = await access.identifyReader(req);
    const { limit, cursor } = parseQuery(datasetsQuery, req.query);
    // One more than is shown tells whether there is a next page.
    const found = await store.listDatasets(scope, { limit: limit + 1, before: cursor ?? null }, READ);
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const next = last && found.length > limit ? encodeCursor(last) : null;
    if (next)
      res.links({ next: `${DATASETS_PATH}?${new URLSearchParams({ limit: `${limit}`, cursor: next })}` });
    const items = shown.map((dataset) => toDatasetRecord(dataset, storage));
    const page: DatasetPage = { items, limit, next_cursor: next };
    res.set('Cache-Control', 'no-store').json(page);
  };

  const create = async (req: Request, res: Response): Promise<void> => {
    const caller = await access.identifyEditor(req);
    const { data, errors } = readBody(datasetRequest, req.body);
    if (!data) throw validationFailed(errors);
    const { owner_id: ownerId, ...fields } = data;
    const scope = { ...caller.scope, userId: ownerOf(caller, ownerId ?? null) };
    const dataset = await store.createDataset(uuidv7(), given(fields), scope, WRITE);
    if (!dataset) throw new Error('create_dataset answered no dataset');
    const record = toDatasetRecord(dataset, storage);
    res.status(201).location(record.links.self).set('Cache-Control', 'no-store').json(record);
  };

  const getOne = async (req: DatasetRequest, res: Response): Promise<void> => {
    const caller = await access.identifyReader(req);
    const dataset = await access.read(req, caller);
    res.set('Cache-Control', 'no-store').json(toDatasetRecord(dataset, storage));
  };

  const change = async (req: DatasetRequest, res: Response): Promise<void> => {
    const caller = await access.identifyEditor(req);
    const { id } = await access.readToChange(req, caller);
    const { data, errors } = readBody(datasetPatch, req.body);
    if (!data) throw validationFailed(errors);
    const dataset = mustBeThere(await store.updateDataset(id, given(data), caller.scope, WRITE));
    res.set('Cache-Control', 'no-store').json(toDatasetRecord(dataset, storage));
  };

  /** Images that were made with it stay, without it. */
  const remove = async (req: DatasetRequest, res: Response): Promise<void> => {
    const caller = await access.identifyEditor(req);
    const { id } = await access.readToChange(req, caller);
    await store.deleteDataset(id, caller.scope, WRITE);
    res.status(204).end();
  };

  const router = Router();
  router
    .route(DATASETS_PATH)
    .get(list)
    .post(deps.jsonBody, create)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'POST'));
  router
    .route(`${DATASETS_PATH}/:id`)
    .get(getOne)
    .patch(deps.jsonBody, change)
    .delete(remove)
    .all(answerMethodNotAllowed('GET', 'HEAD', 'PATCH', 'DELETE'));
  return router;
}

/** An admin makes datasets for everybody, or for the user they name. @throws ApiError forbidden */
function ownerOf(caller: Caller, asked: string | null): string | null {
  if (caller.scope.admin) return asked;
  if (asked !== null && asked !== caller.userId) {
    throw new ApiError('forbidden', 'Only an admin may make datasets for others.');
  }
  return caller.userId;
}

/** A key that is there without a value would empty a field that was never named. */
function given(fields: { [Key in keyof DatasetFields]: DatasetFields[Key] | undefined }): DatasetFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
