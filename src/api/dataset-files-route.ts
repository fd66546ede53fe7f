import { type Request, type Response, Router } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { LIMIT_REACHED } from '../shared/caller-scope.ts';
import type { Dataset } from '../shared/dataset-store.ts';
import { RpcError } from '../shared/rpc.ts';
import { DATASET_IMAGES_BUCKET, LOGOS_BUCKET, type Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import { withTempFolder } from '../shared/temp-folders.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';
import { type DatasetAccess, mustBeThere } from './dataset-access.ts';
import { DATASETS_PATH, toDatasetRecord } from './dataset-record.ts';
import { DATASET_LIMITS } from './dataset-schemas.ts';
import { discardRest } from './discard-rest.ts';
import { createInspectUpload, isInspected } from './inspect-upload.ts';
import { answerMethodNotAllowed } from './problem.ts';
import { type FileField, type ReceivedFile, receiveFiles } from './receive-files.ts';
import type { PlacedFile, StoreFiles } from './store-files.ts';
import type { WithUploadSlot } from './upload-slots.ts';
import { pointerOf, validationFailed } from './validation.ts';

const WRITE = { repeatForMs: 5_000 };
const NO_SUCH_IMAGE = 'The dataset has no such image.';

const IMAGES: FileField = {
  name: 'images',
  most: DATASET_LIMITS.images,
  pointerOfFile: (index) => pointerOf(['images', index]),
};
const LOGO: FileField = { name: 'logo', most: 1, pointerOfFile: () => pointerOf(['logo']) };

type DatasetRequest = Request<{ id: string }>;
type ImageRequest = Request<{ id: string; image_id: string }>;

/** `POST /ai/datasets/{id}/images`, `DELETE …/images/{image_id}`, `PUT` and `DELETE …/logo`: the files of a dataset. */
export function createDatasetFilesRoute(deps: {
  store: Pick<Store, 'addDatasetImages' | 'removeDatasetImage' | 'setDatasetLogo' | 'getDataset'>;
  storage: Pick<Storage, 'objectUrl'>;
  datasetAccess: DatasetAccess;
  storeFiles: StoreFiles;
  withUploadSlot: WithUploadSlot;
}): Router {
  const { store, storage, datasetAccess: access, storeFiles } = deps;
  const withFolder = <T>(caller: Caller, work: (folder: string) => Promise<T>): Promise<T> =>
    deps.withUploadSlot(caller, () => withTempFolder('upload', work));
  const inspect = createInspectUpload();

  /** All files of a request are fit, or all that are not are told at once. */
  const placeAll = async (received: ReceivedFile[], dataset: Dataset) => {
    const inspected = await Promise.all(received.map(inspect));
    const fit = inspected.filter(isInspected);
    const errors = inspected.flatMap((one) => (isInspected(one) ? [] : [one]));
    if (errors.length > 0) throw validationFailed(errors);
    const folder = `${dataset.owner_id ?? 'shared'}/${dataset.id}`;
    const files = fit
      .map((file) => ({ ...file, id: uuidv7() }))
      .map((file) => ({ ...file, storagePath: `${folder}/${file.id}.${file.extension}` }));
    return { folder, files };
  };

  const addImages = async (req: DatasetRequest, res: Response): Promise<void> => {
    discardRest(req, res);
    const caller = await access.identifyEditor(req);
    const dataset = await access.readToChange(req, caller);
    const changed = await withFolder(caller, async (uploads) => {
      const received = await receiveFiles(req, uploads, IMAGES);
      refuseBeyondMost(dataset, received);
      const { folder, files } = await placeAll(received, dataset);
      return storeFiles({ bucket: DATASET_IMAGES_BUCKET, folder }, files, async () => {
        const images = files.map(toNewImage);
        const added = await store
          .addDatasetImages(dataset.id, images, caller.scope, WRITE)
          .catch(async (error: unknown) => {
            // Somebody else has added some meanwhile.
            if (!(error instanceof RpcError) || error.code !== LIMIT_REACHED) throw error;
            refuseBeyondMost(await access.readToChange(req, caller), received);
            throw new ApiError('temporarily_unavailable', 'The dataset is being changed. Try again.', {
              retryAfterSeconds: 1,
              cause: error,
            });
          });
        return mustBeThere(added);
      });
    });
    send(res.status(201).location(`${DATASETS_PATH}/${dataset.id}`), changed);
  };

  const removeImage = async (req: ImageRequest, res: Response): Promise<void> => {
    const caller = await access.identifyEditor(req);
    const dataset = await access.readToChange(req, caller);
    const imageId = z.guid().safeParse(req.params.image_id).data?.toLowerCase();
    const image = dataset.images.find(({ id }) => id === imageId);
    if (!image) throw new ApiError('not_found', NO_SUCH_IMAGE);
    mustBeThere(await store.removeDatasetImage(dataset.id, image.id, caller.scope, WRITE));
    res.status(204).end();
  };

  const setLogo = async (req: DatasetRequest, res: Response): Promise<void> => {
    discardRest(req, res);
    const caller = await access.identifyEditor(req);
    const dataset = await access.readToChange(req, caller);
    const changed = await withFolder(caller, async (uploads) => {
      const received = await receiveFiles(req, uploads, LOGO);
      const { folder, files } = await placeAll(received, dataset);
      const path = files[0]?.storagePath ?? null;
      return storeFiles({ bucket: LOGOS_BUCKET, folder }, files, async () =>
        mustBeThere(await store.setDatasetLogo(dataset.id, path, caller.scope, WRITE)),
      );
    });
    send(res, changed);
  };

  const removeLogo = async (req: DatasetRequest, res: Response): Promise<void> => {
    const caller = await access.identifyEditor(req);
    const { id } = await access.readToChange(req, caller);
    mustBeThere(await store.setDatasetLogo(id, null, caller.scope, WRITE));
    res.status(204).end();
  };

  const send = (res: Response, dataset: Dataset) =>
    void res.set('Cache-Control', 'no-store').json(toDatasetRecord(dataset, storage));

  const router = Router();
  const one = `${DATASETS_PATH}/:id`;
  router.route(`${one}/images`).post(addImages).all(answerMethodNotAllowed('POST'));
  router.route(`${one}/images/:image_id`).delete(removeImage).all(answerMethodNotAllowed('DELETE'));
  router.route(`${one}/logo`).put(setLogo).delete(removeLogo).all(answerMethodNotAllowed('PUT', 'DELETE'));
  return router;
}

function toNewImage({ id, storagePath, mimeType }: PlacedFile & { id: string }) {
  return { id, storage_path: storagePath, mime_type: mimeType };
}

/** @throws ApiError validation_failed that names every file for which the dataset has no room */
function refuseBeyondMost(dataset: Dataset, files: ReceivedFile[]): void {
  const room = Math.max(0, DATASET_LIMITS.images - dataset.images.length);
  const detail = `A dataset can have ${DATASET_LIMITS.images} images; this one has ${dataset.images.length}.`;
  const beyond = files.slice(room).map(({ pointer }) => ({ pointer, code: 'too_many', detail }));
  if (beyond.length > 0) throw validationFailed(beyond);
}
