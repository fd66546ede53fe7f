import type { Failpoint } from '../shared/failpoints.ts';
import type { AttemptedGeneration, ClaimedGeneration, CompletedImage } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { CallOptions } from '../shared/rpc.ts';
import type { Storage } from '../shared/storage.ts';
import type { Store } from '../shared/store.ts';
import { type AttemptEnd, failedEnd, returnedEnd, returnOf, succeededEnd } from './attempt-end.ts';
import type { HeldClaim, StopReason } from './claims.ts';
import type { GatheredCalls } from './gathered-calls.ts';
import type { GenerationError } from './generation-error.ts';
import { holdsNoImage } from './late-object.ts';
import type { Progress } from './make-image.ts';
import type { RetryDelay } from './retry-delay.ts';
import { thumbnailPathOf } from './thumbnail-path.ts';

/** While something of ours is away, a row comes back about this often. */
const WAIT_MS = 5_000;

/**
 * Tells the row how its attempt went. Reports are repeated until they hold, for as long as the row has; a report that
 * answers no row means that the claim was lost, which is nobody's fault: the object that may be left is removed. Answers
 * what became of the attempt.
 */
export function createReportOutcome(deps: {
  store: Store;
  completeGeneration: GatheredCalls['completeGeneration'];
  storage: Storage;
  queue: Pick<JobQueue, 'announceChange'>;
  retryDelay: RetryDelay;
  /** Aborts when the process leaves: what is not reported by then is left to the workers that stay. */
  leaving: AbortSignal;
  failpoint: Failpoint;
  log: Logger;
}) {
  const { store, log } = deps;

  /** At least half a minute, so that a report at the deadline is still made. */
  const untilDeadline = (row: ClaimedGeneration): CallOptions => ({
    repeatForMs: Math.max(30_000, Date.parse(row.deadline_at) - Date.now()),
    signal: deps.leaving,
  });

  const completed = async (
    row: ClaimedGeneration,
    claim: HeldClaim,
    image: CompletedImage,
  ): Promise<AttemptEnd> => {
    const done = await deps.completeGeneration(claim, image, untilDeadline(row));
    const end = succeededEnd(done, !image.billed);
    if (!done) {
      await dropLateObject(row, image.storage_path);
      return end;
    }
    deps.queue.announceChange(row);
    deps.failpoint('worker.after_complete', row.full_prompt);
    log.info(
      { image_id: row.id, attempt: row.attempt, adopted: !image.billed, ms: done.timings?.total_ms },
      'generation.succeeded',
    );
    if (row.attempt > 1) await removeOthers(row, image);
    return end;
  };

  const failedWith = async (
    row: ClaimedGeneration,
    claim: HeldClaim,
    error: GenerationError,
  ): Promise<AttemptEnd> => {
    if (error.hold) {
      await store.holdCalls(error.hold.scope, error.hold.seconds, error.code, untilDeadline(row));
      log.warn({ ...error.hold, code: error.code, upstream: error.upstream }, 'calls.held');
    }
    const fields = {
      image_id: row.id,
      attempt: row.attempt,
      code: error.code,
      upstream: error.upstream,
      billed: error.billed,
    };
    if (isFinal(row, error)) {
      const done = await store.failGeneration(claim, error.toBody(), error, untilDeadline(row));
      deps.queue.announceChange(row);
      log.info({ ...fields, lost: !done }, 'generation.failed');
      if (error.code === 'internal' || error.code === 'misconfigured')
        log.error({ ...fields, err: error }, 'generation.broken');
      return failedEnd(done, error.code);
    }
    const failure = error.errorClass === 'retryable' || error.errorClass === 'no_image';
    const delayMs = failure ? deps.retryDelay(row.failures) : error.errorClass === 'wait' ? WAIT_MS : 0;
    const back = await store.returnGeneration(
      claim,
      {
        billed: error.billed,
        usage: error.usage,
        costUsd: error.costUsd,
        failure,
        delayMs,
        error: error.toBody(),
      },
      untilDeadline(row),
    );
    deps.queue.announceChange(row);
    log.info({ ...fields, status: back?.status ?? 'lost', delay_ms: delayMs }, 'generation.returned');
    return returnedEnd(back, returnOf(error.errorClass), error.code);
  };

  /** The attempt was stopped from outside: canceled, shut down, or its claim lost. */
  const stopped = async (
    row: ClaimedGeneration,
    claim: HeldClaim,
    reason: StopReason,
    progress: Progress,
  ): Promise<AttemptEnd> => {
    let back: AttemptedGeneration | null = null;
    if (reason !== 'lost') {
      const options = untilDeadline(row);
      back = await store.returnGeneration(
        claim,
        { failure: false, billed: progress.callStarted, delayMs: 0 },
        options,
      );
      deps.queue.announceChange(row);
    }
    log.info(
      { image_id: row.id, attempt: row.attempt, reason, status: back?.status ?? 'lost' },
      'generation.stopped',
    );
    if (progress.uploadPath) await dropLateObject(row, progress.uploadPath);
    return returnedEnd(back, 'handed_back');
  };

  /** Another attempt may still adopt it while the row is active; once the row has ended without it, it is nobody's. */
  async function dropLateObject(row: ClaimedGeneration, path: string): Promise<void> {
    const end = await store.getGenerationEnd(row.id, untilDeadline(row));
    if (!holdsNoImage(end, path)) return;
    const paths = [path, thumbnailPathOf(path)];
    await deps.storage.removeImages(paths).catch((error: unknown) => leaveForCleanUp(row, error));
  }

  async function removeOthers(row: ClaimedGeneration, image: CompletedImage): Promise<void> {
    const kept: (string | null)[] = [image.storage_path, image.thumbnail_path];
    try {
      const paths = await deps.storage.listImages(row.folder);
      await deps.storage.removeImages(paths.filter((path) => !kept.includes(path)));
    } catch (error) {
      leaveForCleanUp(row, error);
    }
  }

  /** Every row that ended like this is in storage_cleanup, so what could not be removed now is removed later. */
  function leaveForCleanUp(row: ClaimedGeneration, error: unknown): void {
    log.warn({ image_id: row.id, err: error }, 'object.left_for_clean_up');
  }

  return { completed, failedWith, stopped };
}

export type ReportOutcome = ReturnType<typeof createReportOutcome>;

/** Whether the row ends with this error: for good, or because no further call would be allowed. */
function isFinal(row: ClaimedGeneration, error: GenerationError): boolean {
  if (error.errorClass === 'permanent') return true;
  if (error.errorClass === 'quota' || error.errorClass === 'wait') return false;
  const billableCalls = row.billable_calls - (error.billed ? 0 : 1);
  return row.failures + 1 >= row.max_failures || billableCalls >= row.max_billable_calls;
}
