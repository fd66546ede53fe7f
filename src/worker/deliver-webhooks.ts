import { setTimeout as delay } from 'node:timers/promises';
import { v4 as uuid } from 'uuid';
import type { Logger } from '../shared/logger.ts';
import type { Store } from '../shared/store.ts';
import type { WebhookSealing } from '../shared/webhook-sealing.ts';
import type { ClaimedDelivery, WebhookClaim } from '../shared/webhook-store.ts';
import type { AttemptResult, SendWebhook } from './send-webhook.ts';
import { signWebhook } from './sign-webhook.ts';

/** Of one worker at a time. A slot is a socket that waits, so there are many. */
const SLOTS = 128;
/** A claim holds for 60 s; later than this nothing is sent under it that takes 15 s. */
const BEGIN_WITHIN_MS = 30_000;
const CONTENDED_PAUSE_MS = 50;
const CLAIM = { repeatForMs: 0 };
/** Within what is left of the claim. */
const REPORT = { repeatForMs: 20_000 };

/** What became of one attempt, and how long it took. */
export type AttemptEnd = { outcome: 'succeeded' | 'retry' | 'failed' | 'returned' | 'lost'; ms: number };

export type DeliverWebhooks = {
  /** Takes and sends what is due; it resolves when nothing more was to be had, while attempts may still go on. */
  deliver(): Promise<void>;
  /** Takes nothing more and lets attempts end; those that have not within `graceMs` are handed back. */
  stop(graceMs: number): Promise<void>;
};

/**
 * Sends webhooks from their rows: claims some, signs and posts each once, reports. Every worker does it; the claims see to
 * it that no attempt is made twice at a time and that no receiver stands in another's way. One whose worker dies is due again
 * when its claim has run out, so a receiver may get it twice, under the same webhook-id.
 */
export function createDeliverWebhooks(deps: {
  store: Pick<Store, 'claimWebhookDeliveries' | 'reportWebhookAttempt' | 'returnWebhookDelivery'>;
  sealing: WebhookSealing;
  send: SendWebhook;
  observeWebhook(end: AttemptEnd): void;
  slots?: number;
  log: Logger;
}): DeliverWebhooks {
  const { store, log, slots = SLOTS } = deps;
  const running = new Set<Promise<void>>();
  const leaving = new AbortController();
  let after: WebhookClaim['after'] = null;
  let stopped = false;
  let round: Promise<void> | null = null;

  const attempt = async (delivery: ClaimedDelivery, claimId: string, claimedAt: number): Promise<void> => {
    const from = performance.now();
    const result = await tryToSend(deps, delivery, claimedAt, leaving.signal);
    const outcome = result ? await report(delivery, claimId, result) : await giveBack(delivery, claimId);
    const ms = performance.now() - from;
    deps.observeWebhook({ outcome, ms });
    log.info(
      {
        delivery_id: delivery.id,
        type: delivery.type,
        attempt: delivery.attempt,
        host: URL.parse(delivery.url)?.host,
        http_status: result?.httpStatus ?? null,
        error_code: result?.errorCode ?? null,
        ms: Math.round(ms),
      },
      `webhook.${outcome}`,
    );
  };

  const report = async (
    { id }: ClaimedDelivery,
    claimId: string,
    result: AttemptResult,
  ): Promise<AttemptEnd['outcome']> => {
    const reported = await store.reportWebhookAttempt({ id, claimId, ...result }, REPORT);
    if (!reported) return 'lost';
    return reported.status === 'pending' ? 'retry' : reported.status;
  };

  const giveBack = async ({ id }: ClaimedDelivery, claimId: string): Promise<'returned'> => {
    await store.returnWebhookDelivery(id, claimId, CLAIM);
    return 'returned';
  };

  const begin = (delivery: ClaimedDelivery, claimId: string, claimedAt: number): void => {
    const run = attempt(delivery, claimId, claimedAt)
      .catch((error: unknown) => {
        // Its claim runs out, and it is due again.
        log.warn({ delivery_id: delivery.id, err: error }, 'webhook.not_reported');
      })
      .finally(() => {
        running.delete(run);
        // Where one has ended, its receiver may have room for the next.
        api.deliver().catch((error: unknown) => log.warn({ err: error }, 'webhooks.not_claimed'));
      });
    running.add(run);
  };

  /** Until every receiver has been looked at without finding any more. */
  const claimAll = async (): Promise<void> => {
    let idleRounds = 0;
    while (!stopped && running.size < slots) {
      const claimId = uuid();
      const claimedAt = performance.now();
      const claim = await store.claimWebhookDeliveries({ claimId, room: slots - running.size, after }, CLAIM);
      if (claim.contended) {
        await delay(CONTENDED_PAUSE_MS * (0.5 + Math.random() / 2));
        continue;
      }
      after = claim.after;
      for (const delivery of claim.deliveries) begin(delivery, claimId, claimedAt);
      idleRounds = claim.deliveries.length > 0 ? 0 : idleRounds + Number(claim.around);
      if (claim.done || idleRounds > 1) return;
    }
  };

  let asked = false;
  const api: DeliverWebhooks = {
    deliver() {
      asked = true;
      round ??= (async () => {
        while (asked && !stopped) {
          asked = false;
          await claimAll();
        }
      })().finally(() => {
        round = null;
      });
      return round;
    },
    async stop(graceMs) {
      stopped = true;
      // A claim that is under way may still bring some.
      await Promise.allSettled([round]);
      await Promise.race([Promise.allSettled(running), delay(graceMs, undefined, { ref: false })]);
      leaving.abort(new Error('the worker leaves'));
      await Promise.allSettled(running);
    },
  };
  return api;
}

/** Null: not tried, or stopped on the way, because the worker leaves or was frozen since it claimed. */
async function tryToSend(
  { sealing, send }: { sealing: WebhookSealing; send: SendWebhook },
  delivery: ClaimedDelivery,
  claimedAt: number,
  leaving: AbortSignal,
): Promise<AttemptResult | null> {
  const secrets = delivery.secrets
    .map(({ id, sealed }) => sealing.open(sealed, { id, user_id: delivery.user_id }))
    .filter((secret) => secret !== null);
  if (secrets.length === 0) return { errorCode: 'no_secret', httpStatus: null };
  if (leaving.aborted || performance.now() - claimedAt > BEGIN_WITHIN_MS) return null;
  const headers = signWebhook(delivery, secrets, new Date());
  try {
    return await send({ url: delivery.url, headers, body: delivery.body }, leaving);
  } catch (error) {
    if (leaving.aborted) return null;
    throw error;
  }
}
