import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Who may read metrics: with a token, whoever sends it; without one, everybody who reaches the port. */
export const metricsConfig = {
  METRICS_TOKEN: z.string().min(16, 'has fewer than 16 characters').optional(),
};

/** `authorization`: the request's header. Takes as long for a token that is nearly right as for one that is all wrong. */
export function mayReadMetrics(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(hash(given), hash(token));
}

/** Of one length, which the comparison asks for. */
const hash = (text: string) => createHash('sha256').update(text).digest();
