import { readFile } from 'node:fs/promises';
import type { Client } from 'pg';

/**
 * Gives an empty database what hosted Supabase has before the first migration: the API roles with their timeouts,
 * schemas `auth` and `extensions`, Supabase's default privileges in `public`, and the triggers that announce DDL.
 * May run again at any time and by many processes at once, on one database or on many of one server.
 * `client` must be connected as the superuser who will own what migrations make (default privileges are the owner's).
 */
export async function prepareSupabaseDatabase(client: Pick<Client, 'query'>): Promise<void> {
  const statements = await readFile(new URL('./supabase-schema.sql', import.meta.url), 'utf8');
  // One message of several statements is one transaction: a failure leaves nothing behind and releases the lock.
  await client.query(statements);
}
