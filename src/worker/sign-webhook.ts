import { Webhook } from 'standardwebhooks';

/**
 * The headers of Standard Webhooks: the id, which stays the same however often it is sent, the time of this attempt, and
 * one signature for each secret, so that a receiver may have either while they are rotated.
 */
export function signWebhook(
  { id, body }: { id: string; body: string },
  secrets: string[],
  now: Date,
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}
