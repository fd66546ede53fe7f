import type { DarkroomClient, QueueLoad } from '../client/client.ts';
import { createEmitter } from './emitter.ts';
import { repeat } from './repeat.ts';

const LOOK_EVERY_MS = 5_000;

export type LiveLoad = {
  /** Null until it is known; the last that was known while Darkroom is away, which is said elsewhere. */
  current(): QueueLoad | null;
  /** Called with each that was read. */
  on(listener: (load: QueueLoad) => void, signal: AbortSignal): void;
};

/** How busy it is, asked for every few seconds while the page is seen: no event tells of workers and pauses. */
export function followLoad(client: DarkroomClient, signal: AbortSignal): LiveLoad {
  const { emit, on } = createEmitter<QueueLoad>();
  let current: QueueLoad | null = null;
  const read = async (): Promise<undefined> => {
    try {
      current = await client.queue({ signal, retryForMs: 0 });
      emit(current);
    } catch {
      // What is known stays, and the next one comes in a moment.
    }
  };
  repeat(read, LOOK_EVERY_MS, signal);
  return { current: () => current, on };
}
