import type { Cli } from './cli.ts';

const LOOK_EVERY_MS = 5_000;

const WHY: Record<string, string> = {
  paused: 'the queue is paused',
  no_workers: 'no worker is alive',
};

/** Why no image can be started, for people, by what `/ai/queue` calls the queue's state; null where some can. */
export const whyHalted = (state: string): string | null => WHY[state] ?? null;

export type QueueWatch = {
  /** As it was when it was last looked at. */
  halted(): string | null;
  /** Looks again if that is some seconds ago; calls back if something has changed. */
  look(): void;
};

/** Whether the queue starts anything. A look that fails changes nothing: whoever waits for images hears of that elsewhere. */
export function createQueueWatch(
  { client, signal }: Pick<Cli, 'client' | 'signal'>,
  onChange: () => void,
): QueueWatch {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let halted: string | null = null;
  const ask = async (): Promise<void> => {
    const { state } = await client.queue({ signal, retryForMs: 0 });
    const before = halted;
    halted = whyHalted(state);
    if (halted !== before) onChange();
  };
  return {
    halted: () => halted,
    look() {
      if (Date.now() - lookedAt < LOOK_EVERY_MS) return;
      lookedAt = Date.now();
      ask().catch(() => undefined);
    },
  };
}
