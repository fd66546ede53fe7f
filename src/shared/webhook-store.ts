import { z } from 'zod';
import { type CallerScope, type Position, scopeArgs } from './caller-scope.ts';
import { one } from './one-row.ts';
import type { CallOptions, Rpc } from './rpc.ts';

export const DELIVERY_STATUSES = ['pending', 'succeeded', 'failed'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

const secretSchema = z.object({
  id: z.guid(),
  user_id: z.guid(),
  hint: z.string(),
  created_at: z.string(),
});
export type WebhookSecret = z.infer<typeof secretSchema>;

const deliverySchema = z.object({
  id: z.guid(),
  user_id: z.guid(),
  type: z.string(),
  image_id: z.guid().nullable(),
  batch_id: z.guid().nullable(),
  url: z.string(),
  status: z.enum(DELIVERY_STATUSES),
  attempt: z.int(),
  failures: z.int(),
  due_at: z.string(),
  last_attempt_at: z.string().nullable(),
  http_status: z.int().nullable(),
  error_code: z.string().nullable(),
  created_at: z.string(),
  completed_at: z.string().nullable(),
});
export type WebhookDelivery = z.infer<typeof deliverySchema>;

const sealedSchema = z.object({ id: z.guid(), sealed: z.string() });
const claimedSchema = z.object({
  id: z.guid(),
  user_id: z.guid(),
  type: z.string(),
  url: z.string(),
  /** What is sent, byte for byte. */
  body: z.string(),
  attempt: z.int(),
  secrets: z.array(sealedSchema),
});
export type ClaimedDelivery = z.infer<typeof claimedSchema>;

const claimSchema = z.object({
  contended: z.boolean(),
  /** Every receiver was looked at. */
  done: z.boolean(),
  /** It came to the end of the receivers, and began anew. */
  around: z.boolean(),
  after: z.object({ user_id: z.guid(), host: z.string() }).nullable(),
  deliveries: z.array(claimedSchema),
});
export type WebhookClaim = z.infer<typeof claimSchema>;

const reportedSchema = z.object({
  status: z.enum(DELIVERY_STATUSES),
  failures: z.int(),
  due_at: z.string(),
});
export type ReportedDelivery = z.infer<typeof reportedSchema>;

const toResealSchema = z.array(z.object({ id: z.guid(), user_id: z.guid(), sealed: z.string() }));
const gaugesSchema = z.object({ due: z.int(), overdue_seconds: z.number().nullable() });

/** Null does not filter. */
export type DeliveryFilter = {
  user_id?: string | null | undefined;
  image_id?: string | null | undefined;
  status?: DeliveryStatus | null | undefined;
};

/** Webhooks: the secrets that sign, and the deliveries; `store.ts` says how. */
export function createWebhookStore(rpc: Rpc) {
  return {
    /** @throws RpcError with code LIMIT_REACHED when the user has two already */
    createWebhookSecret: (
      secret: { id: string; userId: string; hint: string; sealed: string; keyId: string },
      options: CallOptions,
    ): Promise<WebhookSecret | null> =>
      one(
        secretSchema,
        rpc(
          'create_webhook_secret',
          {
            p_id: secret.id,
            p_user_id: secret.userId,
            p_hint: secret.hint,
            p_sealed: secret.sealed,
            p_key_id: secret.keyId,
          },
          options,
        ),
      ),

    listWebhookSecrets: async (caller: CallerScope, options: CallOptions): Promise<WebhookSecret[]> =>
      z.array(secretSchema).parse(await rpc('list_webhook_secrets', scopeArgs(caller), options)),

    deleteWebhookSecret: (
      id: string,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<WebhookSecret | null> =>
      one(secretSchema, rpc('delete_webhook_secret', { p_id: id, ...scopeArgs(caller) }, options)),

    hasWebhookSecret: async (userId: string, options: CallOptions): Promise<boolean> =>
      z.boolean().parse(await rpc('has_webhook_secret', { p_user_id: userId }, options)),

    listWebhookSecretsToReseal: async (keyId: string, options: CallOptions) =>
      toResealSchema.parse(await rpc('list_webhook_secrets_to_reseal', { p_key_id: keyId }, options)),

    resealWebhookSecret: async (
      secret: { id: string; was: string; sealed: string; keyId: string },
      options: CallOptions,
    ): Promise<void> => {
      const args = { p_id: secret.id, p_was: secret.was, p_sealed: secret.sealed, p_key_id: secret.keyId };
      await rpc('reseal_webhook_secret', args, options);
    },

    /** `after`: the receiver at which the claim before it stopped. */
    claimWebhookDeliveries: async (
      claim: { claimId: string; room: number; after: WebhookClaim['after'] },
      options: CallOptions,
    ): Promise<WebhookClaim> =>
      claimSchema.parse(
        await rpc(
          'claim_webhook_deliveries',
          { p_claim_id: claim.claimId, p_room: claim.room, p_after: claim.after },
          options,
        ),
      ),

    reportWebhookAttempt: (
      report: { id: string; claimId: string; errorCode: string | null; httpStatus: number | null },
      options: CallOptions,
    ): Promise<ReportedDelivery | null> =>
      one(
        reportedSchema,
        rpc(
          'report_webhook_attempt',
          {
            p_id: report.id,
            p_claim_id: report.claimId,
            p_error_code: report.errorCode,
            p_http_status: report.httpStatus,
          },
          options,
        ),
      ),

    returnWebhookDelivery: async (id: string, claimId: string, options: CallOptions): Promise<void> => {
      await rpc('return_webhook_delivery', { p_id: id, p_claim_id: claimId }, options);
    },

    listWebhookDeliveries: async (
      caller: CallerScope,
      page: { filter: DeliveryFilter; limit: number; before: Position | null },
      options: CallOptions,
    ): Promise<WebhookDelivery[]> =>
      z.array(deliverySchema).parse(
        await rpc(
          'list_webhook_deliveries',
          {
            ...scopeArgs(caller),
            p_limit: page.limit,
            p_of_user: page.filter.user_id ?? null,
            p_image_id: page.filter.image_id ?? null,
            p_status: page.filter.status ?? null,
            p_before_created_at: page.before?.createdAt ?? null,
            p_before_id: page.before?.id ?? null,
          },
          options,
        ),
      ),

    replayWebhookDelivery: (
      id: string,
      caller: CallerScope,
      options: CallOptions,
    ): Promise<WebhookDelivery | null> =>
      one(deliverySchema, rpc('replay_webhook_delivery', { p_id: id, ...scopeArgs(caller) }, options)),

    /** How many were removed; a full thousand means that there may be more. */
    pruneWebhookDeliveries: async (options: CallOptions): Promise<number> =>
      z.int().parse(await rpc('prune_webhook_deliveries', {}, options)),

    getWebhookGauges: async (options: CallOptions) =>
      gaugesSchema.parse(await rpc('get_webhook_gauges', {}, options)),
  };
}
