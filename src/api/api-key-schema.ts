import { z } from 'zod';
import { storableText } from './generate-request.ts';

export const apiKeyRequest = z
  .strictObject({
    name: storableText.trim().min(1).max(100).meta({ description: 'For you to tell your keys apart.' }),
  })
  .meta({ id: 'ApiKeyRequest' });

/** What is shown of a key. */
export const apiKeyRecord = z
  .strictObject({
    id: z.guid(),
    name: z.string(),
    hint: z.string().meta({ description: 'The last characters of the secret.' }),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyRecord = z.infer<typeof apiKeyRecord>;

export const newApiKey = z
  .strictObject({
    ...apiKeyRecord.shape,
    secret: z.string().meta({ description: 'The key itself. No other answer shows it.' }),
  })
  .meta({ id: 'NewApiKey' });

export const apiKeyList = z.strictObject({ items: z.array(apiKeyRecord) }).meta({ id: 'ApiKeyList' });
