import { STREAM_KEPT_MS } from '../../shared/change-streams.ts';

/**
 * A place in an audience's stream, as Redis writes it: milliseconds and a number. It is a time as well, so that the rows
 * can tell what came after it when Redis has lost its stream.
 */
const POSITION = /^(\d{1,15})-(\d{1,20})$/;
/** Clocks of different machines are not further apart. */
const CLOCK_SLACK_MS = 60_000;

/** Why a stream cannot go on where its client was: it begins anew. */
export type ResyncReason = 'unknown' | 'too_old' | 'too_much';

/** Just before whatever is announced from this moment on. */
export const positionAt = (at: string) => `${Date.parse(at)}-0`;

export const timeOf = (position: string) => Number(position.split('-')[0]);

/** Why the position of a client cannot be gone on from; null when it can. */
export function whyResync(position: string, now: number): 'unknown' | 'too_old' | null {
  if (!POSITION.test(position) || timeOf(position) > now + CLOCK_SLACK_MS) return 'unknown';
  return timeOf(position) < now - STREAM_KEPT_MS ? 'too_old' : null;
}
