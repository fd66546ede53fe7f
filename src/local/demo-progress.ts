import type { DemoRecord } from './demo-generation.ts';

/**
 * Shows what becomes of an image, one line a change, with the seconds since it was asked for. A status that passed
 * between two polls is shown all the same: the record tells that it was.
 */
export function createProgress(say: (line: string) => void): (record: DemoRecord) => void {
  const began = performance.now();
  const show = (text: string) =>
    say(`  ${((performance.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${text}`);
  let before: string | undefined;
  return ({ status, attempt }) => {
    if (before === undefined && status !== 'pending') show('pending');
    if (before !== 'processing' && status === 'succeeded') show('processing');
    show(
      status === 'pending' && attempt > 0
        ? `pending again: attempt ${attempt} failed, see worker.log`
        : status,
    );
    before = status;
  };
}
