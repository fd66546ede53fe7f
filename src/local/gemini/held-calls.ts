export type HeldCalls = ReturnType<typeof createHeldCalls>;

/** Keeps calls waiting until somebody releases them, so that a test decides what happens first. */
export function createHeldCalls() {
  const held = new Map<string, Set<() => void>>();

  /** Waits until the key is released, or until `gone` aborts because the client went away. */
  async function hold(key: string, gone: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ofKey = held.get(key) ?? new Set();
    held.set(key, ofKey.add(resolve));
    gone.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    ofKey.delete(resolve);
    if (ofKey.size === 0 && held.get(key) === ofKey) held.delete(key);
  }

  /** Lets the calls go that are held now: those of one key, or all. Returns how many. */
  function release(key?: string): number {
    const keys = key === undefined ? [...held.keys()] : [key];
    const waiting = keys.flatMap((name) => [...(held.get(name) ?? [])]);
    for (const name of keys) held.delete(name);
    for (const go of waiting) go();
    return waiting.length;
  }

  return { hold, release };
}
