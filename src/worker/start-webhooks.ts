import type { Connections } from '../shared/connections.ts';
import type { Logger } from '../shared/logger.ts';
import type { Registry } from '../shared/metrics/registry.ts';
import type { Timers } from '../shared/timers.ts';
import { createWebhookSealing } from '../shared/webhook-sealing.ts';
import type { WorkerConfig } from './config.ts';
import { createDeliverWebhooks, type DeliverWebhooks } from './deliver-webhooks.ts';
import type { RequestPublic } from './public-request.ts';
import { createResealWebhooks } from './reseal-webhooks.ts';
import { createSendWebhook } from './send-webhook.ts';
import { createWebhookMetrics } from './webhook-metrics.ts';

const ONCE = { repeatForMs: 0 };
const PRUNE_EVERY_MS = 600_000;
const FULL_PAGE = 1_000;
/** Of one round; the next worker's comes soon. */
const MOST_PAGES = 20;

/**
 * A worker's part in webhooks, on the timers of its reconcile. Null when it has no key to open secrets with: it then sends
 * none, and leaves them to workers that have one.
 */
export function startWebhooks(
  config: WorkerConfig,
  { store }: Pick<Connections, 'store'>,
  parts: { timers: Pick<Timers, 'every'>; registry: Registry; requestPublic: RequestPublic; log: Logger },
): DeliverWebhooks | null {
  const { timers, log } = parts;
  const metrics = createWebhookMetrics(parts.registry);
  const everyMs = config.RECONCILE_EVERY_MS;
  timers.every('webhook_gauges', everyMs * 3, async () =>
    metrics.showDue(await store.getWebhookGauges(ONCE)),
  );
  timers.every('webhook_prune', PRUNE_EVERY_MS, async () => {
    for (let page = 0; page < MOST_PAGES; page++) {
      if ((await store.pruneWebhookDeliveries(ONCE)) < FULL_PAGE) return;
    }
  });
  if (!config.WEBHOOK_ENCRYPTION_KEY) {
    log.info('webhooks.off');
    return null;
  }
  const sealing = createWebhookSealing(config.WEBHOOK_ENCRYPTION_KEY);
  const webhooks = createDeliverWebhooks({
    store,
    sealing,
    send: createSendWebhook(parts.requestPublic),
    observeWebhook: metrics.observeWebhook,
    log,
  });
  timers.every('webhooks', config.RELEASE_EVERY_MS, webhooks.deliver);
  timers.every('webhook_reseal', everyMs * 6, createResealWebhooks({ store, sealing, log }));
  return webhooks;
}
