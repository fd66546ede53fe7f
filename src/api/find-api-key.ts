import { createHash } from 'node:crypto';
import type { Store } from '../shared/store.ts';
import { unauthorized } from './api-error.ts';

const PREFIX = 'dk_';
/** A key that was revoked opens nothing after this. A script's thousand requests a minute ask the database twelve times. */
const KNOWN_FOR_MS = 5_000;
const MOST_KNOWN = 10_000;
const READ = { repeatForMs: 2_000 };

export const isApiKey = (token: string) => token.startsWith(PREFIX);

/** What is stored and looked for of a secret. */
export const hashOfSecret = (secret: string) => createHash('sha256').update(secret).digest('hex');

/** Answers the id of the user whose key it is. @throws ApiError unauthorized */
export type FindApiKey = (secret: string) => Promise<string>;

/** Looks keys up by their hash, and remembers the good ones for a few seconds of the monotonic clock `now`. */
export function createFindApiKey(deps: { store: Pick<Store, 'findApiKey'>; now?: () => number }): FindApiKey {
  const now = deps.now ?? (() => performance.now());
  const known = new Map<string, { userId: string; until: number }>();

  return async (secret) => {
    const hash = hashOfSecret(secret);
    const hit = known.get(hash);
    if (hit && hit.until > now()) return hit.userId;
    known.delete(hash);
    const found = await deps.store.findApiKey(hash, READ);
    if (!found) throw unauthorized('The API key is not valid.');
    const [oldest] = known.keys();
    if (known.size >= MOST_KNOWN && oldest) known.delete(oldest);
    known.set(hash, { userId: found.user_id, until: now() + KNOWN_FOR_MS });
    return found.user_id;
  };
}
