import type { Batch } from '../../shared/batch-store.ts';
import { isOpen } from '../batch-record.ts';

/** A batch of thousands changes with each of its images; its counts are read no more often than this. */
const READ_EVERY_MS = 1_000;

/** Which batches are to be read again, for those who follow them. `onDue` is called when there are some. */
export function followBatches(onDue: () => void) {
  const touched = new Set<string>();
  /** All of their images have ended, and reconcile has not said so yet. */
  const ending = new Set<string>();
  let lastTaken = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const isDue = () => touched.size > 0 && performance.now() - lastTaken >= READ_EVERY_MS;

  const touch = (id: string): void => {
    touched.add(id);
    if (timer) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        onDue();
      },
      Math.max(0, lastTaken + READ_EVERY_MS + 1 - performance.now()),
    );
  };

  return {
    touch,
    isDue,
    /** Those that are due; they are no longer. */
    take(): string[] {
      if (!isDue()) return [];
      const due = [...touched];
      touched.clear();
      lastTaken = performance.now();
      return due;
    },
    giveBack(ids: string[]): void {
      for (const id of ids) touch(id);
    },
    seen(batch: Batch): void {
      if (!isOpen(batch) && batch.ended_at === null) ending.add(batch.id);
      else ending.delete(batch.id);
    },
    touchEnding(): void {
      for (const id of ending) touch(id);
    },
    close: () => clearTimeout(timer),
  };
}
