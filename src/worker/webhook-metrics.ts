import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AttemptEnd } from './deliver-webhooks.ts';

/** `retry`: it failed and comes again; `failed`: for the last time; `lost`: its claim had run out. */
export const DELIVERY_OUTCOMES = ['succeeded', 'retry', 'failed', 'returned', 'lost'] as const;

/** Webhooks: the attempts of this worker, and what is due in the database, which every worker tells the same of. */
export function createWebhookMetrics(registry: Registry): {
  observeWebhook(end: AttemptEnd): void;
  showDue(due: { due: number; overdue_seconds: number | null }): void;
} {
  const registers = [registry];
  const attempts = new Counter({
    name: 'darkroom_webhook_attempts_total',
    help: 'Attempts to deliver a webhook: succeeded, retry, failed for good, returned by a worker that left, claim lost.',
    labelNames: ['outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'darkroom_webhook_attempt_duration_seconds',
    help: 'Of attempts to deliver a webhook: name, connection, request and answer.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers,
  });
  const due = new Gauge({
    name: 'darkroom_webhooks_due',
    help: 'Webhook deliveries whose time has come; 10000 is "or more".',
    registers,
  });
  const overdue = new Gauge({
    name: 'darkroom_webhooks_overdue_seconds',
    help: 'For how long the longest of them has been due.',
    registers,
  });
  for (const outcome of DELIVERY_OUTCOMES) attempts.inc({ outcome }, 0);
  // Nothing has been read yet.
  for (const gauge of [due, overdue]) gauge.remove();

  return {
    observeWebhook({ outcome, ms }) {
      attempts.inc({ outcome });
      duration.observe(ms / 1_000);
    },
    showDue(found) {
      due.set(found.due);
      overdue.set(found.overdue_seconds ?? 0);
    },
  };
}
