import type { DatasetPage, DatasetRecord, datasetPatch, datasetRequest } from '../api/dataset-schemas.ts';
import type { CallOptions, Send } from './http.ts';

const DATASETS = '/ai/datasets';

/** The part of a schema of zod that has the type of what goes in. */
type InputOf<Schema extends { _zod: { input: unknown } }> = Schema['_zod']['input'];
export type DatasetFields = InputOf<typeof datasetRequest>;
export type DatasetPatch = InputOf<typeof datasetPatch>;
export type { DatasetRecord };

/** Datasets: what prompts have in common. */
export function createDatasets(send: Send) {
  const pathOf = (id: string) => `${DATASETS}/${encodeURIComponent(id)}`;
  const sendOne = async (...call: Parameters<Send>): Promise<DatasetRecord> =>
    (await send(...call)).body as DatasetRecord;

  return {
    /** Not repeated when the connection breaks: unlike an image, a dataset made twice is two. */
    create: (fields: DatasetFields, options: CallOptions = {}): Promise<DatasetRecord> =>
      sendOne('POST', DATASETS, { ...options, body: fields, retryForMs: 0 }),

    get: (id: string, options: CallOptions = {}): Promise<DatasetRecord> =>
      sendOne('GET', pathOf(id), options),

    /** The caller's and the shared ones, page by page as they are taken. */
    async *list(options: CallOptions = {}): AsyncGenerator<DatasetRecord> {
      for (let query: string | null = ''; query !== null; ) {
        const page = (await send('GET', `${DATASETS}${query}`, options)).body as DatasetPage;
        yield* page.items;
        query = page.next_cursor && `?cursor=${encodeURIComponent(page.next_cursor)}`;
      }
    },

    /** What is not named stays, null empties. */
    update: (id: string, patch: DatasetPatch, options: CallOptions = {}): Promise<DatasetRecord> =>
      sendOne('PATCH', pathOf(id), { ...options, body: patch }),

    delete: async (id: string, options: CallOptions = {}): Promise<void> => {
      await send('DELETE', pathOf(id), options);
    },

    /** All are added or none. Not repeated when the connection breaks: they may have been added. */
    addImages: (id: string, files: Blob[], options: CallOptions = {}): Promise<DatasetRecord> => {
      const body = new FormData();
      for (const file of files) body.append('images', file);
      return sendOne('POST', `${pathOf(id)}/images`, { ...options, body, retryForMs: 0 });
    },

    removeImage: async (id: string, imageId: string, options: CallOptions = {}): Promise<void> => {
      await send('DELETE', `${pathOf(id)}/images/${encodeURIComponent(imageId)}`, options);
    },

    setLogo: (id: string, file: Blob, options: CallOptions = {}): Promise<DatasetRecord> => {
      const body = new FormData();
      body.set('logo', file);
      return sendOne('PUT', `${pathOf(id)}/logo`, { ...options, body });
    },

    removeLogo: async (id: string, options: CallOptions = {}): Promise<void> => {
      await send('DELETE', `${pathOf(id)}/logo`, options);
    },
  };
}
