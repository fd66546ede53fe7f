import type { Pause } from './admin-store.ts';
import type { Warning } from './generation.ts';

/** What keeps images of a model from being made: of several pauses the one that ends last. */
export type Hold = {
  by: Pause['by'];
  /** Null: until an operator resumes it. */
  until: string | null;
  /** Seconds until then, not less than 0; null when nobody knows. */
  seconds: number | null;
};

/** Null when nothing keeps them. A model that probes lets images through one at a time, and counts as open. */
export function holdOf(model: string | null, pauses: Pause[], now: Date): Hold | null {
  const [longest] = pauses
    .filter(({ state, scope, model: held }) => state === 'paused' && (scope === 'all' || held === model))
    .map(({ by, until }) => ({ by, until, seconds: until === null ? null : secondsUntil(until, now) }))
    .sort((a, b) => (b.seconds ?? Number.POSITIVE_INFINITY) - (a.seconds ?? Number.POSITIVE_INFINITY));
  return longest ?? null;
}

/** Why images wait that nothing is wrong with, for who asked for them. */
export function queueWarnings(
  model: string | null,
  queue: { slots: number; pauses: Pause[] },
  now: Date,
): Warning[] {
  const hold = holdOf(model, queue.pauses, now);
  return [
    ...(queue.slots === 0
      ? [{ code: 'no_worker_online', message: 'No worker is running; the image waits until one is.' }]
      : []),
    ...(hold ? [describeHold(hold)] : []),
  ];
}

function describeHold({ by, until }: Hold): Warning {
  const end = until === null ? 'it is resumed' : new Date(until).toISOString();
  return by === 'operator'
    ? { code: 'queue_paused', message: `The queue is paused by an operator; the image waits until ${end}.` }
    : { code: 'queue_held', message: `Gemini's quota is used up; the image waits until ${end}.` };
}

const secondsUntil = (time: string, now: Date) => Math.max(0, (Date.parse(time) - now.getTime()) / 1_000);
