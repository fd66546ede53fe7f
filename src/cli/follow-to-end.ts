import type { BatchRecord } from '../client/batches.ts';
import type { ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { DownloadError } from './download.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type ImageFolder, openImageFolder } from './image-folder.ts';
import { createPool } from './pool.ts';
import { createProgress } from './progress.ts';
import { createQueueWatch } from './queue-watch.ts';
import { printBatchEnd, type Trouble } from './show-batch.ts';

/** Of those without an image so many are shown. */
const MOST_TROUBLES = 20;

export type Tally = {
  succeeded: number;
  saved: number;
  wereThere: number;
  withoutImage: number;
  troubles: Trouble[];
};

/**
 * Waits until all images of a batch have ended, and puts each into `out` as soon as it has; null for nowhere. With `--json`
 * each is a line of its own then. Answers the exit code.
 */
export async function followToEnd(
  cli: Cli,
  { id, counts }: BatchRecord,
  { out, concurrency }: { out: string | null; concurrency: number },
): Promise<ExitCode> {
  const { client, terminal } = cli;
  const pool = createPool(concurrency, cli.signal);
  const folder = out === null ? null : await openImageFolder(out, { signal: pool.signal, say: terminal.say });
  const progress = createProgress(terminal, counts.total);
  const tally: Tally = { succeeded: 0, saved: 0, wereThere: 0, withoutImage: 0, troubles: [] };
  let last: BatchRecord | null = null;
  const showProgress = (): void => {
    const { succeeded, withoutImage } = tally;
    const { pending, processing } = last?.counts ?? counts;
    const failed = withoutImage > 0 ? `, ${withoutImage} without an image` : '';
    progress.update({
      done: succeeded + withoutImage,
      ended: counts.total - pending - processing,
      text: `images${failed}`,
      left: last?.eta_seconds ?? null,
      halted: queue.halted(),
    });
  };
  const queue = createQueueWatch({ client, signal: pool.signal }, showProgress);

  try {
    const onLook = (batch: BatchRecord): void => {
      last = batch;
      queue.look();
      showProgress();
    };
    for await (const image of client.batches.follow(id, { signal: pool.signal, onLook })) {
      await pool.start(async () => {
        const file = await take(image, folder, tally);
        showProgress();
        if (cli.json) await terminal.printJson({ ...image, file });
      });
    }
    await pool.end();
  } catch (error) {
    pool.stop(error);
    await pool.end().catch(() => undefined);
    throw error;
  } finally {
    progress.stop();
  }
  if (!cli.json) await printBatchEnd(cli, await client.batches.get(id, cli.call), tally, out);
  return tally.withoutImage === 0 ? EXIT.ok : EXIT.someFailed;
}

/** Where the image lies now; null without one, which is counted. */
async function take(image: ImageRecord, folder: ImageFolder | null, tally: Tally): Promise<string | null> {
  const miss = (reason: string): null => {
    tally.withoutImage += 1;
    if (tally.troubles.length < MOST_TROUBLES) tally.troubles.push({ image, reason });
    return null;
  };
  if (image.status !== 'succeeded') {
    return miss(image.error ? `${image.error.code}: ${image.error.message}` : image.status);
  }
  try {
    const saved = await folder?.save(image);
    tally.succeeded += 1;
    if (saved) tally[saved.wasThere ? 'wereThere' : 'saved'] += 1;
    return saved?.path ?? null;
  } catch (error) {
    if (error instanceof DownloadError) return miss(`its file cannot be had: ${error.message}`);
    throw error;
  }
}
