import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrate } from '../migrate/migrate.ts';
import { prepareSupabaseDatabase } from './supabase-schema.ts';

const migrationsDir = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Gives a database what Supabase's has, then our migrations. Returns how many of those were applied now. */
export async function prepareDatabase(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await prepareSupabaseDatabase(client);
  } finally {
    await client.end();
  }
  return (await migrate({ databaseUrl, migrationsDir })).length;
}
