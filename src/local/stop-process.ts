import { setTimeout as delay } from 'node:timers/promises';
import type { StopPlan } from './watchdog-messages.ts';

/** How long a hurried process may take before SIGKILL. */
const HURRY_MS = 2_000;

/** A process that can be signalled and awaited, whether it is a child or an orphan of an earlier run. */
export type Stoppable = { signal(name: NodeJS.Signals): void; ended: Promise<unknown> };

/**
 * Stops one process by its plan, gently first, and resolves once it has ended. `hurry` cuts the grace short, also while
 * it is being waited for.
 */
export async function stopProcess(target: Stoppable, plan: StopPlan, hurry: AbortSignal): Promise<void> {
  if (!hurry.aborted) {
    target.signal(plan.signal);
    if (await endsWithin(target.ended, plan.graceMs, hurry)) return;
  }
  target.signal(plan.hurrySignal);
  if (await endsWithin(target.ended, HURRY_MS)) return;
  target.signal('SIGKILL');
  await target.ended;
}

/** Whether `ended` settles within `ms`; false at once when `cutShort` fires. */
export async function endsWithin(
  ended: Promise<unknown>,
  ms: number,
  cutShort?: AbortSignal,
): Promise<boolean> {
  const timer = new AbortController();
  const signal = cutShort ? AbortSignal.any([timer.signal, cutShort]) : timer.signal;
  const timeout = delay(ms, false, { signal }).catch(() => false);
  try {
    return await Promise.race([ended.then(() => true), timeout]);
  } finally {
    timer.abort();
  }
}
