import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import pg from 'pg';
import type { GivenSupabase } from './test-environment.ts';

/**
 * Takes out of a Supabase what the test file before has left: rows, users, settings, objects and buckets. Only for one
 * that was made for tests.
 */
export async function emptySupabase({ url, serviceRoleKey, databaseUrl }: GivenSupabase): Promise<void> {
  const owner = new pg.Client({ connectionString: databaseUrl });
  await owner.connect();
  try {
    const { rows } = await owner.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'public' and c.relkind in ('r', 'p')`,
    );
    await owner.query(`truncate ${rows.map(({ name }) => name).join(', ')} cascade`);
    await owner.query('insert into public.settings default values');
    await owner.query('delete from auth.users');
  } finally {
    await owner.end();
  }
  const { storage } = createClient(url, serviceRoleKey, { auth: { persistSession: false } });
  await removeBuckets(storage);
}

/** With all that is in them; those whose names begin like this. */
export async function removeBuckets(storage: SupabaseClient['storage'], beginning = ''): Promise<void> {
  for (const { id } of must(await storage.listBuckets())) {
    if (!id.startsWith(beginning)) continue;
    await removeFolder(storage.from(id), '');
    must(await storage.deleteBucket(id));
  }
}

/** Object by object: Storage's own way to empty a bucket only promises to do it. */
async function removeFolder(
  bucket: ReturnType<SupabaseClient['storage']['from']>,
  folder: string,
): Promise<void> {
  const pathOf = (name: string) => (folder ? `${folder}/${name}` : name);
  for (;;) {
    const found = must(await bucket.list(folder, { limit: 1_000 }));
    const objects = found.filter(({ id }) => id !== null);
    for (const { name } of found.filter(({ id }) => id === null)) await removeFolder(bucket, pathOf(name));
    if (objects.length === 0) return;
    must(await bucket.remove(objects.map(({ name }) => pathOf(name))));
  }
}

function must<T>({ data, error }: { data: T | null; error: Error | null }): T {
  if (error || data === null) throw error ?? new Error('Storage answered nothing.');
  return data;
}
