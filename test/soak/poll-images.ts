import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../support/random.ts';
import { authorized, type Caller } from './callers.ts';
import type { Accepted } from './load.ts';

const PAUSE_MS = 50;
type Poll = { status: string; status_sequence: number };
const ENDED = new Set(['succeeded', 'failed', 'canceled', 'expired']);

/** Reads one image after another, many times each: what was told once is never taken back. */
export async function pollImages(options: {
  accepted: Accepted[];
  apiUrls: () => string[];
  random: Random;
  lies: string[];
  stopped: AbortSignal;
}): Promise<void> {
  const { accepted, random, lies, stopped } = options;
  const seen = new Map<string, Poll>();
  for (; !stopped.aborted; await delay(PAUSE_MS)) {
    if (accepted.length === 0) continue;
    const { id, caller } = random.pick(accepted.slice(-200));
    const now = await read(`${random.pick(options.apiUrls())}/ai/generated-images/${id}`, caller);
    if (!now) continue;
    const before = seen.get(id);
    const isBack = before && now.status_sequence < before.status_sequence;
    const isRisen = before && ENDED.has(before.status) && now.status !== before.status;
    if (isBack || isRisen) lies.push(`${id} was ${JSON.stringify(before)} and is ${JSON.stringify(now)}`);
    seen.set(id, { status: now.status, status_sequence: now.status_sequence });
  }
}

async function read(address: string, caller: Caller): Promise<Poll | null> {
  try {
    const answer = await fetch(address, { headers: authorized(caller), signal: AbortSignal.timeout(5_000) });
    return answer.status === 200 ? ((await answer.json()) as Poll) : null;
  } catch {
    // Nobody was there to answer, which is what the soak is about.
    return null;
  }
}
