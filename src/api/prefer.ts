import type { Request, Response } from 'express';

export const LONGEST_WAIT_S = 55;
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i;

/**
 * Seconds that the client prefers to wait for its answer (RFC 7240, `Prefer: wait=20`), 55 at most; 0 without such a
 * preference, or with one that cannot be read. What is honoured is told in Preference-Applied.
 */
export function applyWaitPreference(req: Request, res: Response): number {
  const asked = Number(WAIT.exec(req.get('Prefer') ?? '')?.[1] ?? 0);
  const seconds = Math.min(asked, LONGEST_WAIT_S);
  res.vary('Prefer');
  if (seconds > 0) res.set('Preference-Applied', `wait=${seconds}`);
  return seconds;
}

/** Aborts when the client has gone away: nobody waits any more. */
export function goneSignal(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  return gone.signal;
}
