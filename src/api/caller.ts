import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { CallerScope } from '../shared/caller-scope.ts';
import { unauthorized } from './api-error.ts';
import { type FindApiKey, isApiKey } from './find-api-key.ts';
import type { VerifyToken } from './verify-token.ts';

/** Who asks. `laneKey` is whose turn it counts as, and whose Idempotency-Keys, limits and quota. */
export type Caller = {
  kind: 'user' | 'api_key' | 'admin' | 'anonymous';
  userId: string | null;
  laneKey: string;
  /** What the database lets this caller see and change. */
  scope: CallerScope;
};

export type IdentifyCaller = (req: Request) => Promise<Caller>;

/**
 * Tells the caller from the Authorization header: a Supabase user, one of a user's API keys, the service key, or nobody.
 * A token that is there has to be good; it never falls back to nobody. An admin has the service key, or the token that is
 * for admins only.
 *
 * An API key acts as its user, also in line: a user with a hundred keys has one turn, not a hundred. Anonymous callers
 * are told apart by address, kept only as a keyed hash; an IPv6 address counts as its /64 network, which is what one
 * subscriber gets.
 */
export function createIdentifyCaller(deps: {
  verifyToken: VerifyToken;
  findApiKey: FindApiKey;
  serviceKey: string;
  adminToken?: string | undefined;
}): IdentifyCaller {
  const adminSecrets = [deps.serviceKey, deps.adminToken].filter((secret) => secret !== undefined);
  const identify = async (req: Request): Promise<Caller> => {
    const header = req.get('Authorization');
    if (header === undefined) return anonymousAt(req.ip ?? '', deps.serviceKey);
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (!token) throw unauthorized('Send the token as "Authorization: Bearer <token>".');
    if (adminSecrets.some((secret) => isSame(token, secret))) {
      return { kind: 'admin', userId: null, laneKey: 'admin', scope: { userId: null, admin: true } };
    }
    if (isApiKey(token)) return userBehind('api_key', await deps.findApiKey(token));
    return userBehind('user', await deps.verifyToken(token));
  };
  // A request is asked more than once who sends it, and has one answer.
  const known = new WeakMap<Request, Promise<Caller>>();
  return (req) => {
    const caller = known.get(req) ?? identify(req);
    known.set(req, caller);
    return caller;
  };
}

/** Where a user's images wait. */
export const laneOfUser = (userId: string) => `user:${userId}`;

function userBehind(kind: 'user' | 'api_key', userId: string): Caller {
  return { kind, userId, laneKey: laneOfUser(userId), scope: { userId } };
}

function anonymousAt(address: string, key: string): Caller {
  const hash = createHmac('sha256', key).update(networkOf(address)).digest('hex');
  return {
    kind: 'anonymous',
    userId: null,
    laneKey: `anonymous:${hash.slice(0, 24)}`,
    scope: { userId: null },
  };
}

/** Takes the same time wherever the two differ. */
function isSame(token: string, secret: string): boolean {
  const [one, other] = [token, secret].map((text) => createHash('sha256').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

function networkOf(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 || !address.includes(':')) return v4 ?? address;
  const [head = '', tail] = address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail?.split(':').filter(Boolean) ?? [];
  const groups = [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return groups.slice(0, 4).join(':');
}
