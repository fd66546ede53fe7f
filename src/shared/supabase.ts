import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { Agent, fetch as undiciFetch } from 'undici';
import { createTextFetch } from './text-fetch.ts';

export type { SupabaseClient } from '@supabase/supabase-js';

/** Long enough for a large image on a slow line; storage-js cannot be told to stop, so the request itself is ended. */
const STORAGE_TIMEOUT_MS = 60_000;

/**
 * A service-role client without sessions. Database and Storage have connections of their own: a Storage that hangs may
 * use up its own, but never those that the beats need. undici's fetch goes with undici's Agent: the one inside Node
 * refuses an Agent of another version.
 *
 * Calls of the database end by the signal of their caller; those of Storage after a minute at the latest.
 */
export function createSupabase(
  url: string,
  serviceRoleKey: string,
): { client: SupabaseClient; close(): Promise<void> } {
  const options = { keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0 };
  const database = new Agent({ ...options, connections: 64 });
  const storage = new Agent({ ...options, connections: 256 });
  const fetchRows = createTextFetch(database);
  const writeObject = createTextFetch(storage);
  const readObject = (async (input: string, init: object) =>
    undiciFetch(input, { ...init, dispatcher: storage })) as unknown as typeof fetch;
  const fetchOnAgents: typeof fetch = async (input, init = {}) => {
    if (!String(input).includes('/storage/v1/')) return fetchRows(input, init);
    const timeout = AbortSignal.timeout(STORAGE_TIMEOUT_MS);
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    // What is read may be a stream of bytes; all other calls are answered with JSON.
    return (init.method === 'GET' ? readObject : writeObject)(String(input), { ...init, signal });
  };
  const client = createClient(url, serviceRoleKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: fetchOnAgents },
  });
  return {
    client,
    async close() {
      await Promise.all([database.close(), storage.destroy()]);
    },
  };
}
