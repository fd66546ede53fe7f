import type { Logger } from '../shared/logger.ts';
import type { Store } from '../shared/store.ts';
import type { WebhookSealing } from '../shared/webhook-sealing.ts';

const ONCE = { repeatForMs: 0 };

/**
 * One page of secrets that were sealed with an earlier key is sealed with the current one, so that the earlier one can be
 * dropped from the environment. What no key opens is left, and a person told.
 */
export function createResealWebhooks(deps: {
  store: Pick<Store, 'listWebhookSecretsToReseal' | 'resealWebhookSecret'>;
  sealing: WebhookSealing;
  log: Logger;
}): () => Promise<void> {
  const { store, sealing, log } = deps;
  return async () => {
    for (const { sealed: was, ...owner } of await store.listWebhookSecretsToReseal(sealing.keyId, ONCE)) {
      const secret = sealing.open(was, owner);
      if (secret === null) {
        log.error({ secret_id: owner.id }, 'webhook_secret.unreadable');
        continue;
      }
      const sealed = sealing.seal(secret, owner);
      await store.resealWebhookSecret({ id: owner.id, was, sealed, keyId: sealing.keyId }, ONCE);
      log.info({ secret_id: owner.id }, 'webhook_secret.resealed');
    }
  };
}
