import type { Generation } from '../shared/generation.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Caller } from './caller.ts';
import type { Changes } from './changes.ts';
import type { ReadImage } from './read-image.ts';

/** A message that was lost costs no more than this. */
const LOOK_AGAIN_MS = 2_000;

/**
 * Reads an image again and again until `isThere`, for at most `seconds`; answers it as it is then, or null if it is no
 * longer there. While the database does not answer, what was known stands.
 */
export type WaitForImage = (
  row: Generation,
  wait: { caller: Caller; seconds: number; isThere: (row: Generation) => boolean; signal: AbortSignal },
) => Promise<Generation | null>;

/** `leaving`: aborts when the process is to leave; then nobody is kept waiting. */
export function createWaitForImage(deps: {
  readImage: ReadImage;
  changes: Pick<Changes, 'watch'>;
  leaving: AbortSignal;
}): WaitForImage {
  return async (row, { caller, seconds, isThere, signal }) => {
    const until = performance.now() + seconds * 1_000;
    const ended = AbortSignal.any([signal, deps.leaving]);
    const watch = deps.changes.watch(row.id);
    const readAgain = async (known: Generation): Promise<Generation | null> => {
      try {
        return await deps.readImage(row.id, caller.scope, { repeatForMs: 0 });
      } catch (error) {
        if (error instanceof RpcError && error.unclear) return known;
        throw error;
      }
    };
    try {
      // It may have changed before anybody listened.
      let current = await readAgain(row);
      while (current && !isThere(current) && !ended.aborted) {
        const left = until - performance.now();
        if (left <= 0) break;
        await watch.next(Math.min(left, LOOK_AGAIN_MS), ended);
        current = await readAgain(current);
      }
      return current;
    } finally {
      watch.close();
    }
  };
}
