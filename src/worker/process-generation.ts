import type { Failpoint } from '../shared/failpoints.ts';
import type { ClaimedGeneration, CompletedImage } from '../shared/generation.ts';
import type { Logger } from '../shared/logger.ts';
import type { JobQueue } from '../shared/queue.ts';
import type { Release } from '../shared/release.ts';
import { RpcError } from '../shared/rpc.ts';
import type { Tracing } from '../shared/tracing.ts';
import type { AttemptEnd } from './attempt-end.ts';
import type { Claims, HeldClaim, StopReason } from './claims.ts';
import type { GatheredCalls } from './gathered-calls.ts';
import { GenerationError } from './generation-error.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { MakeImage, Progress } from './make-image.ts';
import type { ReportOutcome } from './report-outcome.ts';
import type { Slots } from './slots.ts';
import { traceAttempt } from './trace-attempt.ts';

/**
 * One job: claim the row, make or adopt its image, report. Never throws into BullMQ: the row, not the job, knows
 * whether there is something left to do, and whatever goes wrong here is put right by reconcile.
 *
 * Resolves when the image is stored: it is reported while its slot makes the next. Rows are out until they are reported,
 * so a database that takes no reports hands out no more than go out beyond the slots.
 */
export function createProcessGeneration(deps: {
  claimGeneration: GatheredCalls['claimGeneration'];
  claims: Claims;
  slots: Pick<Slots, 'use'>;
  workerId: string;
  makeImage: MakeImage;
  report: ReportOutcome;
  observeAttempt: (end: AttemptEnd) => void;
  release: Pick<Release, 'jobEnded'>;
  queue: Pick<JobQueue, 'announceChange'>;
  heartbeat: Pick<Heartbeat, 'leaseMs'>;
  failpoint: Failpoint;
  tracing: Tracing;
  log: Logger;
}) {
  const { log, report } = deps;

  const attempt = async (
    row: ClaimedGeneration,
    claim: HeldClaim,
    stored: () => void,
  ): Promise<AttemptEnd> => {
    deps.queue.announceChange(row);
    log.info({ image_id: row.id, attempt: row.attempt, model: row.model }, 'generation.claimed');
    deps.failpoint('worker.after_claim', row.full_prompt);
    const progress: Progress = { callStarted: false, uploadPath: null };
    let image: CompletedImage;
    try {
      image = await deps.slots.use(claim.signal, () => deps.makeImage(row, progress, claim.signal));
    } catch (error) {
      if (error instanceof GenerationError) return report.failedWith(row, claim, error);
      if (claim.signal.aborted)
        return report.stopped(row, claim, claim.signal.reason as StopReason, progress);
      return report.failedWith(row, claim, bug(error, progress));
    }
    stored();
    return report.completed(row, claim, image);
  };

  const runJob = async (imageId: string, claim: HeldClaim, stored: () => void): Promise<void> => {
    try {
      // Not cut short when the claim is stopped: what may have been claimed unseen could not be handed back.
      const options = { repeatForMs: deps.heartbeat.leaseMs() };
      const askedAt = Date.now();
      const row = await deps.claimGeneration(claim, options);
      if (!row) {
        log.debug({ image_id: imageId }, 'generation.not_claimed');
        return;
      }
      claim.confirm();
      deps.observeAttempt(await traceAttempt(deps, { row, askedAt }, () => attempt(row, claim, stored)));
    } catch (error) {
      // A row that is left like this is missing in the next two beats, which take it back, or is a dead worker's.
      const away = error instanceof RpcError && error.unclear;
      log[away ? 'warn' : 'error']({ image_id: imageId, err: error }, 'generation.unreported');
    } finally {
      claim.letGo();
      deps.release.jobEnded();
    }
  };

  return (imageId: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    runJob(imageId, deps.claims.hold(imageId), resolve).finally(resolve);
    return promise;
  };
}

/** Not an outcome but a mistake of ours: the row ends with a reason all the same, and the log has the whole of it. */
function bug(error: unknown, progress: Progress): GenerationError {
  return new GenerationError({
    code: 'internal',
    message: 'Something went wrong inside the worker.',
    errorClass: 'permanent',
    billed: progress.callStarted,
    cause: error,
  });
}
