import { setTimeout as delay } from 'node:timers/promises';

type Falsy = false | 0 | '' | null | undefined;

/** Waits until `check` gives something, and returns it. Throws with `what` when that takes more than `ms`. */
export async function waitFor<T>(
  what: string,
  check: () => T | Promise<T>,
  ms = 20_000,
): Promise<Exclude<T, Falsy>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await check();
    if (found) return found as Exclude<T, Falsy>;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await delay(20);
  }
}
