import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * What the secrets of webhooks are encrypted with where they are stored: the first of the list. The others only open what
 * was sealed before, until workers have sealed it anew.
 */
export const webhookConfig = {
  WEBHOOK_ENCRYPTION_KEY: z
    .string()
    .regex(
      /^\s*[^\s,]{32,}(\s*,\s*[^\s,]{32,})*\s*$/,
      'has a key with spaces, or with fewer than 32 characters',
    )
    .transform((text) => text.split(',').map((key) => key.trim()))
    .optional(),
};

/** Whose secret it is. It is sealed in, so that the row of one user does not open as another's. */
export type SecretOwner = { id: string; user_id: string };

export type WebhookSealing = {
  /** Names the key that seals; it tells nothing of it. */
  keyId: string;
  seal(secret: string, owner: SecretOwner): string;
  /** Null: sealed with a key that is none of ours, for somebody else, or changed since. */
  open(sealed: string, owner: SecretOwner): string | null;
};

/** AES-256-GCM by keys that are derived (HKDF, RFC 5869) from the environment's, the first of which seals. */
export function createWebhookSealing(secrets: string[]): WebhookSealing {
  const keys = secrets.map(deriveKey);
  const [current] = keys;
  if (!current) throw new Error('sealing without a key');
  return {
    keyId: current.id,
    seal(secret, owner) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, current.key, iv).setAAD(aboutOwner(owner));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return `${current.id}.${Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64url')}`;
    },
    open(sealed, owner) {
      const [id, data = ''] = sealed.split('.');
      const key = keys.find((one) => one.id === id)?.key;
      return key ? decrypt(key, Buffer.from(data, 'base64url'), aboutOwner(owner)) : null;
    },
  };
}

function deriveKey(secret: string): { id: string; key: Buffer } {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'darkroom webhook secrets', KEY_BYTES));
  return { key, id: createHash('sha256').update(key).digest('hex').slice(0, 12) };
}

const aboutOwner = ({ id, user_id }: SecretOwner) => Buffer.from(`${id} ${user_id}`);

function decrypt(key: Buffer, data: Buffer, about: Buffer): string | null {
  if (data.length < IV_BYTES + TAG_BYTES) return null;
  const tag = data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, data.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(about).setAuthTag(tag);
  try {
    return decipher.update(data.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    // Not authentic, which is all that it can say.
    return null;
  }
}
