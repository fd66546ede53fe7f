import type { QueueLoad } from '../client/client.ts';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { GenerationEstimate } from '../client/images.ts';
import type { App } from './app.ts';
import { el, say } from './dom.ts';
import { formatSeconds, formatUsd } from './format.ts';
import { isPaused, whyItWaits } from './holds.ts';
import { problemText } from './problem-text.ts';
import { repeat } from './repeat.ts';

const PAUSE_MS = 350;
/** The queue could not be read in time, which it can a moment later. */
const AGAIN_MS = 2_000;
/** Others submit, too, of which nobody tells. */
const EVERY_MS = 5_000;
/** Many of one's own may change at once. */
const SOON_MS = 1_000;

export type Estimate = (signal: AbortSignal) => Promise<GenerationEstimate>;
export type EstimateLine = {
  node: HTMLElement;
  /** To be called with each change. Null: there is nothing to ask about yet. */
  ask(estimate: Estimate | null): void;
};

/**
 * What an image would cost and how long it would wait: said a moment after typing stops, and kept true for as long as it is
 * seen, since the queue moves. Stale questions are dropped.
 */
export function createEstimateLine({ live, load }: App, model: string, signal: AbortSignal): EstimateLine {
  const node = el('p', { class: 'estimate', role: 'status' });
  let estimate: Estimate | null = null;
  let stale = new AbortController();
  let isNew = false;
  let underWay = 0;
  let isDue = false;

  const tell = async (): Promise<number | undefined> => {
    // A form that another one has taken the place of is seen by nobody.
    if (!estimate || !node.isConnected) return;
    const current = AbortSignal.any([stale.signal, signal]);
    underWay = live.active().length;
    isDue = false;
    try {
      const told = await estimate(current);
      // What only goes on is not read aloud again.
      node.setAttribute('aria-live', isNew ? 'polite' : 'off');
      isNew = false;
      say(node, describe(told, load.current(), model));
      return told.queue_position === null ? AGAIN_MS : EVERY_MS;
    } catch (error) {
      if (current.aborted) return PAUSE_MS;
      // What is wrong with a field is said when it is sent, not while it is typed.
      say(node, `No estimate. ${problemText(error)}`);
      return pauseAfter(error);
    }
  };
  const plan = repeat(tell, EVERY_MS, signal);
  live.on(({ type }) => {
    if (type !== 'active' || isDue || live.active().length === underWay) return;
    isDue = true;
    plan(SOON_MS);
  }, signal);
  return {
    node,
    ask(next) {
      stale.abort();
      stale = new AbortController();
      estimate = next;
      isNew = true;
      if (next) plan(PAUSE_MS);
      else say(node, 'Price and wait are told here once there is a prompt.');
    },
  };
}

const pauseAfter = (error: unknown): number =>
  Math.max(EVERY_MS, error instanceof DarkroomError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0);

function describe(
  { estimated_cost_usd, queue_position, eta_seconds }: GenerationEstimate,
  load: QueueLoad | null,
  model: string,
): string {
  const why = load ? whyItWaits(load, model) : [];
  const place = queue_position === null ? null : `place ${queue_position} in the queue`;
  const unknown = why.length === 0 ? 'the wait is not known' : null;
  const wait = eta_seconds === null ? unknown : `ready in about ${formatSeconds(eta_seconds)}`;
  const isHeld = load !== null && isPaused(load, model);
  const parts = [`About ${formatUsd(estimated_cost_usd)}`, place, isHeld ? null : wait];
  const told = parts.filter(Boolean).join(' · ');
  return why.length === 0 ? told : `${told}. ${why.join(' ')}`;
}
