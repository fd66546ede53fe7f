import { createHmac } from 'node:crypto';
import type { Request } from 'express';
import { unauthorized } from './api-error.ts';
import type { VerifyToken } from './verify-token.ts';

/** Who asks. `laneKey` is whose turn it counts as. */
export type Caller =
  | { kind: 'user'; userId: string; laneKey: string }
  | { kind: 'anonymous'; userId: null; laneKey: string };

export type IdentifyCaller = (req: Request) => Promise<Caller>;

/**
 * Tells the caller from the Authorization header: a Supabase user, or nobody. A token that is there has to be good;
 * it never falls back to nobody.
 *
 * Anonymous callers are told apart by address, kept only as a keyed hash; an IPv6 address counts as its /64 network,
 * which is what one subscriber gets.
 */
export function createIdentifyCaller(deps: { verifyToken: VerifyToken; addressKey: string }): IdentifyCaller {
  return async (req) => {
    const header = req.get('Authorization');
    if (header === undefined) {
      const address = createHmac('sha256', deps.addressKey)
        .update(networkOf(req.ip ?? ''))
        .digest('hex');
      return { kind: 'anonymous', userId: null, laneKey: `anonymous:${address.slice(0, 24)}` };
    }
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (!token) throw unauthorized('Send the token as "Authorization: Bearer <token>".');
    const userId = await deps.verifyToken(token);
    return { kind: 'user', userId, laneKey: `user:${userId}` };
  };
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
