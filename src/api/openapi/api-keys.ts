import { z } from 'zod';
import { apiKeyList, apiKeyRequest, apiKeysQuery, newApiKey } from '../api-key-schema.ts';
import { BODY_REFUSALS, CALLER_REFUSALS, type Resource } from './operation.ts';

const KEY = {
  id: '0198b8a0-2222-7222-8333-444455556666',
  user_id: '0198b8a0-5555-7222-8333-444455556666',
  name: 'nightly batch',
  hint: 'x7Qa',
  created_at: '2026-11-23T08:00:00.000Z',
  last_used_at: null,
};

export const apiKeys: Resource = {
  tag: 'API keys',
  description: 'Keys that scripts sign in with, as their user. A key cannot manage keys.',
  operations: [
    {
      method: 'get',
      path: '/ai/api-keys',
      operationId: 'listApiKeys',
      summary: 'List your API keys',
      description: 'An admin sees the newest thousand of all users, or all of one.',
      access: 'users and admins',
      query: apiKeysQuery,
      answers: {
        200: { description: 'Those that are not revoked.', schema: apiKeyList, example: { items: [KEY] } },
      },
      refusals: ['validation_failed', 'forbidden', ...CALLER_REFUSALS],
    },
    {
      method: 'post',
      path: '/ai/api-keys',
      operationId: 'createApiKey',
      summary: 'Make an API key',
      description:
        'Keep the secret: only its hash is stored, and no other answer shows it. An admin makes it for `user_id`.',
      access: 'users and admins',
      body: { schema: apiKeyRequest, example: { name: KEY.name } },
      answers: {
        201: {
          description: 'The key, with its secret.',
          schema: newApiKey,
          example: { ...KEY, secret: 'dk_J3vQ0rS8m1y5pN6tXb2cK9wE4uH7zLfGdAiOoPqRx7Qa' },
        },
      },
      refusals: ['forbidden', ...BODY_REFUSALS, ...CALLER_REFUSALS],
    },
    {
      method: 'delete',
      path: '/ai/api-keys/{id}',
      operationId: 'revokeApiKey',
      summary: 'Revoke an API key',
      description: 'It opens nothing any more after a few seconds.',
      access: 'users and admins',
      pathParams: z.object({ id: z.guid().meta({ description: 'Of the API key.' }) }),
      answers: { 204: { description: 'Revoked.' } },
      refusals: ['forbidden', 'not_found', ...CALLER_REFUSALS],
    },
  ],
};
