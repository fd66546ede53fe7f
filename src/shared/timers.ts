import type { Logger } from './logger.ts';
import type { ObserveStep } from './metrics/call-metrics.ts';

export type Timers = {
  every(name: string, everyMs: number, step: () => Promise<void>): void;
  stop(): void;
};

/**
 * Steps that come again and again, each a while after it has ended, with a fifth of the time by chance, so that many
 * processes do not act in one moment. A step that fails is logged and comes again. `observe` is told of each round.
 */
export function createTimers(log: Logger, observe?: ObserveStep): Timers {
  const pending = new Map<string, NodeJS.Timeout>();
  let stopped = false;

  const schedule = (name: string, everyMs: number, step: () => Promise<void>) => {
    if (stopped) return;
    const timer = setTimeout(
      async () => {
        try {
          await step();
          observe?.(name, 'ok');
        } catch (error) {
          log.warn({ step: name, err: error }, 'step.failed');
          observe?.(name, 'failed');
        }
        schedule(name, everyMs, step);
      },
      everyMs * (0.9 + Math.random() / 5),
    );
    pending.set(name, timer);
  };

  return {
    every: schedule,
    stop() {
      stopped = true;
      for (const timer of pending.values()) clearTimeout(timer);
    },
  };
}
