import { z } from 'zod';
import { type CallerScope, type Position, scopeArgs } from './caller-scope.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

const apiKeySchema = z.object({
  id: z.guid(),
  user_id: z.guid(),
  name: z.string(),
  hint: z.string(),
  created_at: z.string(),
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;
const foundSchema = z.object({ id: z.guid(), user_id: z.guid() });

/** API keys; `store.ts` says how. A `secretHash` is a secret's SHA-256 in hexadecimal. */
export function createApiKeyStore(rpc: Rpc) {
  return {
    /** @throws RpcError with code LIMIT_REACHED when the user has as many live keys as one may have */
    createApiKey: (
      key: { id: string; userId: string; name: string; hint: string; secretHash: string },
      options: CallOptions,
    ): Promise<ApiKey | null> =>
      one(
        apiKeySchema,
        rpc(
          'create_api_key',
          {
            p_id: key.id,
            p_user_id: key.userId,
            p_name: key.name,
            p_hint: key.hint,
            p_secret_hash: bytea(key.secretHash),
          },
          options,
        ),
      ),

    listApiKeys: async (
      caller: CallerScope,
      page: { limit: number; revoked?: boolean; before?: Position | null },
      options: CallOptions,
    ): Promise<ApiKey[]> =>
      z.array(apiKeySchema).parse(
        await rpc(
          'list_api_keys',
          {
            ...scopeArgs(caller),
            p_limit: page.limit,
            p_revoked: page.revoked ?? false,
            p_before_created_at: page.before?.createdAt ?? null,
            p_before_id: page.before?.id ?? null,
          },
          options,
        ),
      ),

    revokeApiKey: (id: string, caller: CallerScope, options: CallOptions): Promise<ApiKey | null> =>
      one(apiKeySchema, rpc('revoke_api_key', { p_id: id, ...scopeArgs(caller) }, options)),

    findApiKey: (secretHash: string, options: CallOptions): Promise<{ id: string; user_id: string } | null> =>
      one(foundSchema, rpc('find_api_key', { p_secret_hash: bytea(secretHash) }, options)),
  };
}

/** PostgreSQL's own text of bytes. */
const bytea = (hex: string): string => `\\x${hex}`;
