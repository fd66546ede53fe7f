import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { Agent, fetch as undiciFetch } from 'undici';

export type { SupabaseClient } from '@supabase/supabase-js';

/**
 * A service-role client without sessions, on connections of its own that stay open. undici's fetch goes with undici's
 * Agent: the one inside Node refuses an Agent of another version. Nothing here times out by itself; callers pass a
 * signal.
 */
export function createSupabase(
  url: string,
  serviceRoleKey: string,
): { client: SupabaseClient; close(): Promise<void> } {
  const dispatcher = new Agent({
    connections: 64,
    keepAliveTimeout: 30_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const fetchOnAgent = (input: unknown, init?: object) =>
    undiciFetch(input as Parameters<typeof undiciFetch>[0], { ...init, dispatcher });
  const client = createClient(url, serviceRoleKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: fetchOnAgent as unknown as typeof fetch },
  });
  return { client, close: () => dispatcher.close() };
}
