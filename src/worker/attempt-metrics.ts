import { Counter, Histogram, type Registry } from 'prom-client';
import { ERROR_CODES } from '../shared/generation.ts';
import { NONE } from '../shared/metrics/registry.ts';
import type { AttemptEnd } from './attempt-end.ts';

/** Seconds between a quick try in a test and a night behind a quota. */
const LONG = [0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3_600, 14_400];

/** Attempts, and the times of images that were made. */
export function createAttemptMetrics(registry: Registry): { observeAttempt(end: AttemptEnd): void } {
  const registers = [registry];
  const attempts = new Counter({
    name: 'darkroom_attempts_total',
    help: 'Attempts that came to an end, by what became of them and by the error code.',
    labelNames: ['outcome', 'code'],
    registers,
  });
  const queued = new Histogram({
    name: 'darkroom_image_queue_duration_seconds',
    help: 'Of images that were made: from the submit to the first claim.',
    buckets: LONG,
    registers,
  });
  const uploads = new Histogram({
    name: 'darkroom_image_upload_duration_seconds',
    help: 'Of images that were made: uploading, with all its retries.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    registers,
  });
  const total = new Histogram({
    name: 'darkroom_image_duration_seconds',
    help: 'Of images that were made: from the submit to the end.',
    buckets: LONG,
    registers,
  });

  // Series that begin at 0: an increase from nothing to the first failure is none to Prometheus.
  for (const code of ERROR_CODES) attempts.inc({ outcome: 'failed', code }, 0);
  attempts.inc({ outcome: 'succeeded', code: NONE }, 0);

  return {
    observeAttempt({ outcome, code = NONE, timings }) {
      attempts.inc({ outcome, code });
      if (!timings) return;
      observeMs(queued, timings.queue_ms);
      observeMs(total, timings.total_ms);
      // What was adopted was not uploaded this time.
      if (outcome === 'succeeded') observeMs(uploads, timings.upload_ms);
    },
  };
}

function observeMs(histogram: Histogram, ms: number | undefined): void {
  if (ms !== undefined) histogram.observe(ms / 1_000);
}
