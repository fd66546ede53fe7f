import assert from 'node:assert/strict';
import type { TestStack } from '../support/test-stack.ts';
import { type ApiClient, createApiClient, type Json } from './api-client.ts';

export const SECRETS = '/ai/webhook-secrets';
export const DELIVERIES = '/ai/webhook-deliveries';

/** A user with so many webhook secrets. */
export async function createWebhookUser(
  stack: TestStack,
  url: string,
  { secrets = 1 } = {},
): Promise<{ id: string; token: string; api: ApiClient }> {
  const { id, token } = await stack.createUser();
  const api = createApiClient(url, token);
  for (let n = 0; n < secrets; n += 1) assert.equal((await api.send('POST', SECRETS)).status, 201);
  return { id, token, api };
}

export const postJson = (api: ApiClient, path: string, body: Json) =>
  api.send('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

/** Where a refusal sees mistakes, and which. */
export const codesOf = ({ body }: { body: Json }): string[] =>
  body.errors.map(({ pointer, code }: Json) => `${pointer} ${code}`);
