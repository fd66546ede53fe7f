import type { ApiKeyRecord, NewApiKeyRecord } from '../api/api-key-schema.ts';
import type { CallOptions, Send } from './http.ts';

const KEYS = '/ai/api-keys';

export type { ApiKeyRecord, NewApiKeyRecord };
/** `user_id` is for admins, who have no keys of their own. */
export type NewKey = { name: string; user_id?: string };

/** Keys that scripts sign in with, as their user. */
export function createApiKeys(send: Send) {
  return {
    /** The secret is shown by this answer only. Not repeated when the connection breaks: that would be another key. */
    create: async (key: NewKey, options: CallOptions = {}): Promise<NewApiKeyRecord> =>
      (await send('POST', KEYS, { ...options, body: key, retryForMs: 0 })).body as NewApiKeyRecord,

    /** The caller's own; an admin's answer has all, or those of a user. */
    list: async (
      filter: { user_id?: string | undefined } = {},
      options: CallOptions = {},
    ): Promise<ApiKeyRecord[]> => {
      const query =
        filter.user_id === undefined ? '' : `?${new URLSearchParams({ user_id: filter.user_id })}`;
      return ((await send('GET', KEYS + query, options)).body as { items: ApiKeyRecord[] }).items;
    },

    delete: async (id: string, options: CallOptions = {}): Promise<void> => {
      await send('DELETE', `${KEYS}/${encodeURIComponent(id)}`, options);
    },
  };
}
