import { isIP } from 'node:net';
import { z } from 'zod';
import { isPublicAddress } from '../shared/public-address.ts';
import type { Store } from '../shared/store.ts';
import type { FieldError } from './api-error.ts';

const LONGEST_URL = 2_048;
const UNREADABLE_IN_URL = /[\s\p{Cc}\p{Cs}]/u;
const READ = { repeatForMs: 2_000 };

/**
 * The field `webhook_url`. What can be told of the address by itself is told at once; which address its name has is
 * judged where it is connected to, each time.
 */
export const webhookUrl = z
  .string()
  .transform((text, context) => {
    const read = readUrl(text);
    if (read instanceof URL) return read.href;
    context.addIssue({ code: 'custom', message: read, input: text });
    return z.NEVER;
  })
  .nullish()
  .meta({
    override: { type: ['string', 'null'], format: 'uri', maxLength: LONGEST_URL },
    description: 'Where its end is told, by https, signed with your webhook secrets; make one first.',
  });

/** As it will be called, or what is wrong with it. */
function readUrl(text: string): URL | string {
  if (!/^https:\/\//i.test(text)) return 'is no https address';
  if (UNREADABLE_IN_URL.test(text)) return 'holds characters that no address has';
  const url = URL.parse(text);
  if (!url) return 'is no https address';
  if (url.username || url.password) return 'holds credentials';
  if (url.href.length > LONGEST_URL) return `is longer than ${LONGEST_URL} characters`;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isPrivate = isIP(host) === 0 ? /(^|\.)localhost\.?$/.test(host) : !isPublicAddress(host);
  if (isPrivate) return 'is no address of the public internet';
  // What follows it is never sent.
  url.hash = '';
  return url;
}

const refused = (code: string, detail: string): FieldError => ({ pointer: '/webhook_url', code, detail });
const NOT_SENT = refused('unsupported', 'This deployment sends no webhooks.');
const NOBODYS = refused(
  'unsupported',
  'is for images of users, whose secrets sign it; this one would be nobody’s',
);
/** The one that the request itself has no part in: the secret may have gone since. */
export const NO_WEBHOOK_SECRET = refused(
  'no_webhook_secret',
  'There is no secret to sign with. Make one by POST /ai/webhook-secrets first.',
);

/** What is wrong with telling an address the ends of this user's images. */
export type CheckWebhookUrl = (url: string | null, userId: string | null) => Promise<FieldError[]>;

export function createCheckWebhookUrl(deps: {
  store: Pick<Store, 'hasWebhookSecret'>;
  /** Null: without a key for secrets nobody has any, so nothing could be signed. */
  webhookSealing: object | null;
}): CheckWebhookUrl {
  return async (url, userId) => {
    if (url === null) return [];
    if (!deps.webhookSealing) return [NOT_SENT];
    if (userId === null) return [NOBODYS];
    return (await deps.store.hasWebhookSecret(userId, READ)) ? [] : [NO_WEBHOOK_SECRET];
  };
}
