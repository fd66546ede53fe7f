import type { Request, Response } from 'express';
import type { Caller } from './caller.ts';

export const LONGEST_WAIT_S = 55;
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i;

/** Each of them reads its image again every two seconds, so a caller with thousands would be all the database does. */
const MOST_OF_CALLER = 200;

/**
 * Seconds that the client prefers to wait for its answer (RFC 7240, `Prefer: wait=20`), 55 at most; 0 without such a
 * preference, with one that cannot be read, and when 200 answers of the caller are held in this process already (an
 * admin's, who may be a service with many users, are not counted). What is honoured is told in Preference-Applied.
 */
export type ApplyWaitPreference = (req: Request, res: Response, caller: Caller) => number;

export function createApplyWaitPreference(): ApplyWaitPreference {
  const held = new Map<string, number>();

  /** Until the answer has gone out, or its client has gone away. */
  const hold = (res: Response, key: string, already: number): void => {
    held.set(key, already + 1);
    res.once('close', () => {
      const left = (held.get(key) ?? 1) - 1;
      if (left > 0) held.set(key, left);
      else held.delete(key);
    });
  };

  return (req, res, { kind, laneKey }) => {
    const asked = Number(WAIT.exec(req.get('Prefer') ?? '')?.[1] ?? 0);
    const seconds = Math.min(asked, LONGEST_WAIT_S);
    res.vary('Prefer');
    const already = held.get(laneKey) ?? 0;
    // A client that has gone meanwhile closes nothing any more.
    if (seconds === 0 || res.closed || (kind !== 'admin' && already >= MOST_OF_CALLER)) return 0;
    hold(res, laneKey, already);
    res.set('Preference-Applied', `wait=${seconds}`);
    return seconds;
  };
}

/** Aborts when the client has gone away: nobody waits any more. */
export function goneSignal(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  return gone.signal;
}
