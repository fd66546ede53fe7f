import type { ClaimedGeneration } from '../shared/generation.ts';
import { QUEUE_NAME } from '../shared/queue.ts';
import { describeRpc } from '../shared/trace-connections.ts';
import type { Tracing } from '../shared/tracing.ts';
import type { GenerationError } from './generation-error.ts';
import type { ReportOutcome } from './report-outcome.ts';

/**
 * Runs an attempt as a step of the trace of the request that asked for the image, whichever attempt it is and whoever
 * makes it: the row, not the job, tells the trace. That is known only once the row is claimed, so the claim, asked for
 * at `askedAt` (milliseconds since 1970), is added afterwards.
 */
export function traceAttempt<T>(
  { tracing, workerId }: { tracing: Pick<Tracing, 'startTrace' | 'addPast'>; workerId: string },
  { row, askedAt }: { row: ClaimedGeneration; askedAt: number },
  work: () => Promise<T>,
): Promise<T> {
  const attributes = {
    'messaging.system': 'bullmq',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.destination.name': QUEUE_NAME,
    'messaging.message.id': row.id,
    'darkroom.image_id': row.id,
    'darkroom.attempt': row.attempt,
    'darkroom.worker_id': workerId,
  };
  const options = { kind: 'consumer', attributes, startedAt: askedAt } as const;
  return tracing.startTrace(row, `process ${QUEUE_NAME}`, options, () => {
    const [name, claim] = describeRpc('claim_generations');
    tracing.addPast(name, { ...claim, startedAt: askedAt, endedAt: Date.now() });
    return work();
  });
}

/** How the attempt ended, on its span. An attempt that is stopped has not failed. */
export function traceReport(report: ReportOutcome, tracing: Tracing): ReportOutcome {
  if (!tracing.isOn) return report;
  const failedWith = (error: GenerationError) => {
    const { code, errorClass, billed } = error;
    tracing.current().set({ 'darkroom.error_class': errorClass, 'darkroom.billed': billed });
    tracing.current().fail(code);
  };
  return {
    completed(row, claim, image) {
      tracing.current().set({ 'darkroom.adopted': !image.billed });
      return report.completed(row, claim, image);
    },
    failedWith(row, claim, error) {
      failedWith(error);
      return report.failedWith(row, claim, error);
    },
    stopped(row, claim, reason, progress) {
      tracing.current().set({ 'darkroom.stopped_by': reason, 'darkroom.billed': progress.callStarted });
      return report.stopped(row, claim, reason, progress);
    },
  };
}
