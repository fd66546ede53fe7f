import { randomUUID } from 'node:crypto';
import { callFunction, type SqlDatabase } from './sql-database.ts';

export type DatasetRow = {
  id: string;
  name: string | null;
  brand: string | null;
  vibe: string | null;
  unique_visual_elements: unknown;
  logo_path: string | null;
  owner_id: string | null;
  images: { id: string; position: number; storage_path: string; mime_type: string }[];
  created_at: string;
  updated_at: string;
};
type Caller = Parameters<typeof callFunction>[0];

/** The SQL functions about datasets; `admin` is who may change those without an owner. */
export function createDatasets(db: SqlDatabase) {
  const call = async <T = DatasetRow>(name: string, args: Record<string, unknown>, client: Caller) =>
    (await callFunction<T>(client, name, args))[0];
  const scope = (userId: string | null, admin: boolean) => ({ p_user_id: userId, p_admin: admin });

  const create = (userId: string | null, fields = {}, { id = randomUUID() as string, admin = false } = {}) =>
    call(
      'create_dataset',
      { p_id: id, p_dataset: JSON.stringify(fields), ...scope(userId, admin) },
      db.service,
    );
  const addImage = (
    id: string,
    userId: string | null,
    { imageId = randomUUID() as string, admin = false, client = db.service as Caller } = {},
  ) => {
    const image = { id: imageId, storage_path: `${userId}/${id}/${imageId}.png`, mime_type: 'image/png' };
    return call(
      'add_dataset_image',
      { p_id: id, p_image: JSON.stringify(image), ...scope(userId, admin) },
      client,
    );
  };

  return {
    create,
    addImage,
    addImages: (id: string, userId: string | null, imageIds: string[]) => {
      const images = imageIds.map((imageId) => ({
        id: imageId,
        storage_path: `${userId}/${id}/${imageId}.png`,
        mime_type: 'image/png',
      }));
      return call(
        'add_dataset_images',
        { p_id: id, p_images: JSON.stringify(images), ...scope(userId, false) },
        db.service,
      );
    },
    /** One that is surely there. */
    async add(userId: string | null, fields = {}): Promise<DatasetRow> {
      const dataset = await create(userId, fields, { admin: userId === null });
      if (!dataset) throw new Error('no dataset was made');
      return dataset;
    },
    get: (id: string, userId: string | null, admin = false) =>
      call('get_dataset', { p_id: id, ...scope(userId, admin) }, db.service),
    list: async (userId: string | null, args = {}) =>
      (await call<DatasetRow[]>('list_datasets', { p_user_id: userId, ...args }, db.service)) ?? [],
    update: (id: string, userId: string | null, patch: object, admin = false) =>
      call(
        'update_dataset',
        { p_id: id, p_patch: JSON.stringify(patch), ...scope(userId, admin) },
        db.service,
      ),
    remove: (id: string, userId: string | null, admin = false) =>
      call<{ id: string; deleted: boolean }>(
        'delete_dataset',
        { p_id: id, ...scope(userId, admin) },
        db.service,
      ),
    removeImage: (id: string, userId: string | null, imageId: string, admin = false) =>
      call('remove_dataset_image', { p_id: id, p_image_id: imageId, ...scope(userId, admin) }, db.service),
    setLogo: (id: string, userId: string | null, path: string | null, admin = false) =>
      call('set_dataset_logo', { p_id: id, p_logo_path: path, ...scope(userId, admin) }, db.service),
    /** What storage_cleanup plans, with the whole minutes until it is due. */
    planned: () =>
      db.sql<{ bucket: string; path: string; minutes: number }>(
        `select bucket, folder as path, ceil(extract(epoch from due_at - now()) / 60)::integer as minutes
         from public.storage_cleanup where is_object order by bucket, folder`,
      ),
  };
}
