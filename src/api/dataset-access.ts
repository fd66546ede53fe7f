import type { Request } from 'express';
import type { Dataset } from '../shared/dataset-store.ts';
import type { Store } from '../shared/store.ts';
import { ApiError, unauthorized } from './api-error.ts';
import type { Caller, IdentifyCaller } from './caller.ts';
import { readPathId } from './path-id.ts';

const READ = { repeatForMs: 2_000 };
const NO_SUCH_DATASET = 'There is no such dataset.';

export type DatasetAccess = ReturnType<typeof createDatasetAccess>;

/**
 * Who may see and change a dataset: its owner and admins. One without owner is seen by all, and changed by admins.
 * Another's is not found, exactly like an unknown one. Who does not sign in changes nothing.
 */
export function createDatasetAccess(deps: {
  store: Pick<Store, 'getDataset'>;
  identify: IdentifyCaller;
  anonymousAccess: boolean;
}) {
  /** @throws ApiError not_found */
  const read = async (req: Request<{ id: string }>, caller: Caller): Promise<Dataset> =>
    mustBeThere(await deps.store.getDataset(readPathId(req, NO_SUCH_DATASET), caller.scope, READ));

  return {
    read,

    /** @throws ApiError unauthorized */
    async identifyReader(req: Request): Promise<Caller> {
      const caller = await deps.identify(req);
      if (caller.kind === 'anonymous' && !deps.anonymousAccess) {
        throw unauthorized('Datasets are for callers who sign in.');
      }
      return caller;
    },

    /** @throws ApiError unauthorized */
    async identifyEditor(req: Request): Promise<Caller> {
      const caller = await deps.identify(req);
      if (caller.kind === 'anonymous') throw unauthorized('Only callers who sign in can change datasets.');
      return caller;
    },

    /** The dataset, if the caller may change it. @throws ApiError not_found, forbidden */
    async readToChange(req: Request<{ id: string }>, caller: Caller): Promise<Dataset> {
      const dataset = await read(req, caller);
      if (dataset.owner_id === null && !caller.scope.admin) {
        throw new ApiError('forbidden', 'This dataset is shared by all; only an admin can change it.');
      }
      return dataset;
    },
  };
}

/** @throws ApiError not_found */
export function mustBeThere(dataset: Dataset | null): Dataset {
  if (!dataset) throw new ApiError('not_found', NO_SUCH_DATASET);
  return dataset;
}
