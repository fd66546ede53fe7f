import type { TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FaultStack } from './fault-stack.ts';
import { inParallel } from './in-parallel.ts';

const BUCKET = 'generated-images';
const PAGE = 1_000;

export type StoredObject = { path: string; createdAt: number };

/** Lets the clean-up that is planned for later come now, by a worker whose reconcile rounds follow quickly. */
export async function cleanUpStorage(base: TestStack, redisUrl: string): Promise<void> {
  const quick = { REDIS_URL: redisUrl, RECONCILE_EVERY_MS: '10', WORKER_CONCURRENCY: '1' };
  const worker = await base.startWorker(quick);
  await waitFor(
    'the clean-up of Storage',
    async () => {
      await base.sql('update public.storage_cleanup set due_at = now() where due_at > now()');
      return (await base.sql('select 1 from public.storage_cleanup limit 1')).length === 0;
    },
    60_000,
  );
  await worker.stop();
}

/** Everything in the bucket of generated images, as its public interface tells it. */
export async function listObjects(base: TestStack): Promise<StoredObject[]> {
  const bucket = base.supabase.storage.from(BUCKET);
  const listPage = async (folder: string, offset: number) => {
    const { data, error } = await bucket.list(folder, { limit: PAGE, offset });
    if (error) throw error;
    return data;
  };
  const list = async (folder: string): Promise<StoredObject[]> => {
    const entries = await listPage(folder, 0);
    for (let page = entries; page.length === PAGE; ) {
      page = await listPage(folder, entries.length);
      entries.push(...page);
    }
    const found = await inParallel(entries, async ({ id, name, created_at }) => {
      const path = folder === '' ? name : `${folder}/${name}`;
      return id === null ? list(path) : [{ path, createdAt: Date.parse(String(created_at)) }];
    });
    return found.flat();
  };
  return list('');
}

/** Names of the objects that an image's attempts have left in Storage. `owner`: the user's id, if it has one. */
export async function storedObjects(
  { base }: FaultStack,
  id: string | null,
  owner = 'anonymous',
): Promise<string[]> {
  const { data, error } = await base.supabase.storage.from('generated-images').list(`${owner}/${id}`);
  if (error) throw error;
  return data.map(({ name }) => name);
}
