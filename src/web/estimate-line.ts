import type { GenerationEstimate } from '../client/images.ts';
import { el, say } from './dom.ts';
import { formatSeconds, formatUsd } from './format.ts';
import { problemText } from './problem-text.ts';

const PAUSE_MS = 350;
/** The queue could not be read in time, which it can a moment later. */
const AGAIN_MS = 2_000;

export type EstimateLine = {
  node: HTMLElement;
  /** To be called with each change. Null: there is nothing to ask about yet. */
  ask(estimate: ((signal: AbortSignal) => Promise<GenerationEstimate>) | null): void;
};

/** What an image would cost and how long it would wait, said a moment after typing stops. Stale questions are dropped. */
export function createEstimateLine(signal: AbortSignal): EstimateLine {
  const node = el('p', { class: 'estimate', role: 'status' });
  let stale = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const tell = async (estimate: (signal: AbortSignal) => Promise<GenerationEstimate>): Promise<void> => {
    const current = AbortSignal.any([stale.signal, signal]);
    try {
      const told = await estimate(current);
      say(node, describe(told));
      if (told.queue_position === null) timer = setTimeout(tell, AGAIN_MS, estimate);
    } catch (error) {
      // What is wrong with a field is said when it is sent, not while it is typed.
      if (!current.aborted) say(node, `No estimate. ${problemText(error)}`);
    }
  };
  return {
    node,
    ask(estimate) {
      clearTimeout(timer);
      stale.abort();
      stale = new AbortController();
      if (estimate) timer = setTimeout(tell, PAUSE_MS, estimate);
      else say(node, 'Price and wait are told here once there is a prompt.');
    },
  };
}

function describe({ estimated_cost_usd, queue_position, eta_seconds }: GenerationEstimate): string {
  const place = queue_position === null ? null : `place ${queue_position} in the queue`;
  const wait =
    eta_seconds === null ? 'the wait is not known' : `ready in about ${formatSeconds(eta_seconds)}`;
  return [`About ${formatUsd(estimated_cost_usd)}`, place, wait].filter(Boolean).join(' · ');
}
