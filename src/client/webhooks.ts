import type {
  NewWebhookSecret,
  WebhookDeliveryPage,
  WebhookDeliveryRecord,
  WebhookSecretRecord,
} from '../api/webhook-schemas.ts';
import type { CallOptions, Send } from './http.ts';

const DELIVERIES = '/ai/webhook-deliveries';
const SECRETS = '/ai/webhook-secrets';

export type { NewWebhookSecret, WebhookDeliveryRecord, WebhookSecretRecord };

/** Undefined does not filter. `user_id` is for admins. */
export type DeliveryFilter = {
  image_id?: string;
  status?: WebhookDeliveryRecord['status'];
  user_id?: string;
  /** Deliveries asked for at a time; all of them come, page by page. */
  limit?: number;
};

/** Webhooks: what was sent, sending it again, and the secrets that sign it. */
export function createWebhooks(send: Send) {
  return {
    /** All that match, newest first, page by page as they are taken. */
    async *deliveries(
      filter: DeliveryFilter = {},
      options: CallOptions = {},
    ): AsyncGenerator<WebhookDeliveryRecord> {
      const given = Object.entries(filter).filter(([, value]) => value !== undefined);
      const query = new URLSearchParams(
        Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
      );
      for (let cursor: string | null = ''; cursor !== null; ) {
        if (cursor !== '') query.set('cursor', cursor);
        const page = (await send('GET', `${DELIVERIES}?${query}`, options)).body as WebhookDeliveryPage;
        yield* page.items;
        cursor = page.next_cursor;
      }
    },

    /** The same again, at once; it may be repeated, for the receiver knows it by its id. */
    replay: async (id: string, options: CallOptions = {}): Promise<WebhookDeliveryRecord> =>
      (await send('POST', `${DELIVERIES}/${encodeURIComponent(id)}/replay`, options))
        .body as WebhookDeliveryRecord,

    secrets: {
      /** Not repeated when the connection breaks: a second one would be the last that there may be. */
      create: async (
        request: { user_id?: string } = {},
        options: CallOptions = {},
      ): Promise<NewWebhookSecret> =>
        (await send('POST', SECRETS, { ...options, body: request, retryForMs: 0 })).body as NewWebhookSecret,

      list: async (options: CallOptions = {}): Promise<WebhookSecretRecord[]> =>
        ((await send('GET', SECRETS, options)).body as { items: WebhookSecretRecord[] }).items,

      delete: async (id: string, options: CallOptions = {}): Promise<void> => {
        await send('DELETE', `${SECRETS}/${encodeURIComponent(id)}`, options);
      },
    },
  };
}
