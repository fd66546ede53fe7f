import pg from 'pg';
import { createStorage } from '../shared/storage.ts';
import { createSupabase, type SupabaseClient } from '../shared/supabase.ts';
import { drawReferenceImages } from './demo-pictures.ts';
import type { Stack } from './stack.ts';

const BUCKET = 'dataset-images';

/** The dataset of the demo, always under the same id. It has no owner, so everybody may use it. */
export const DEMO_DATASET = {
  id: '0198c0ff-ee00-7000-8000-0000000c0ffe',
  brand: 'Coffee Co.',
  vibe: 'cozy',
  uniqueVisualElements: ['terracotta cups', 'green enamel lamps', 'a long walnut counter'],
};

/** Puts the demo's dataset and its three reference images in place. Does nothing when they are there. */
export async function seedDemoDataset(stack: Stack): Promise<'seeded' | 'found'> {
  const database = new pg.Client({ connectionString: stack.databaseUrl });
  await database.connect();
  try {
    const { rowCount } = await database.query('select from public.datasets where id = $1', [DEMO_DATASET.id]);
    if (rowCount === 1) return 'found';
    // The rows come last and together: a run that was killed before leaves at most pictures, which are found again.
    await insertDataset(database, await storeReferenceImages(stack));
    return 'seeded';
  } finally {
    await database.end();
  }
}

async function storeReferenceImages(stack: Stack): Promise<string[]> {
  const { client, close } = createSupabase(stack.supabaseUrl, stack.serviceRoleKey);
  try {
    await createStorage(client, stack.supabaseUrl).ensureBuckets();
    const images = await drawReferenceImages();
    return await Promise.all(images.map((image, position) => storeImage(client, image, position)));
  } finally {
    await close();
  }
}

async function storeImage(client: SupabaseClient, image: Buffer, position: number): Promise<string> {
  const path = `${DEMO_DATASET.id}/${position + 1}.png`;
  const { error } = await client.storage
    .from(BUCKET)
    .upload(path, image, { contentType: 'image/png', upsert: true });
  if (error) throw error;
  return path;
}

async function insertDataset(database: pg.Client, paths: string[]): Promise<void> {
  const { id, brand, vibe, uniqueVisualElements } = DEMO_DATASET;
  await database.query('begin');
  await database.query(
    'insert into public.datasets (id, brand, vibe, unique_visual_elements) values ($1, $2, $3, $4)',
    [id, brand, vibe, JSON.stringify(uniqueVisualElements)],
  );
  for (const [position, path] of paths.entries()) {
    await database.query(
      'insert into public.dataset_images (dataset_id, position, storage_path, mime_type) values ($1, $2, $3, $4)',
      [id, position, path, 'image/png'],
    );
  }
  await database.query('commit');
}
