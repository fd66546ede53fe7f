import { z } from 'zod';
import { storableText } from './generate-request.ts';

/** In lower case, as the database tells it. */
const userId = z.guid().toLowerCase();

export const apiKeyRequest = z
  .strictObject({
    name: storableText.trim().min(1).max(100).meta({ description: 'For you to tell your keys apart.' }),
    user_id: userId.nullish().meta({
      description: 'Whom it acts as. An admin has to name them; a user is whom theirs act as.',
    }),
  })
  .meta({ id: 'ApiKeyRequest' });

/** What an admin sends, who has no keys: the key is some user's. */
export const apiKeyRequestOfAdmin = apiKeyRequest.extend({ user_id: userId });

/** The query of `GET /ai/api-keys`. */
export const apiKeysQuery = z.strictObject({
  user_id: userId.optional().meta({ description: 'Of this user only.' }),
});

/** What is shown of a key. */
export const apiKeyRecord = z
  .strictObject({
    id: z.guid(),
    user_id: z.guid().meta({ description: 'Whom it acts as.' }),
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
export type NewApiKeyRecord = z.infer<typeof newApiKey>;

export const apiKeyList = z.strictObject({ items: z.array(apiKeyRecord) }).meta({ id: 'ApiKeyList' });
