import assert from 'node:assert/strict';
import type { Operation } from '../../src/api/openapi/operation.ts';
import type { Answer, ApiClient } from './api-client.ts';
import { OPERATIONS } from './contract.ts';

/** What a request is to have instead of the document's example. */
export type Asked = {
  /** What stands in the path, by the names of its parameters. */
  ids?: Record<string, string>;
  query?: string;
  /** As JSON. */
  body?: unknown;
  /** A body of exactly this text or these bytes; JSON unless `headers` say otherwise. */
  raw?: string | Buffer;
  /** In the form, where the operation takes one. */
  file?: Buffer;
  headers?: Record<string, string>;
};

/** `GET /ai/generated-images/{id}`: how operations are called in tables. */
export const nameOf = ({ method, path }: Operation) => `${method.toUpperCase()} ${path}`;

/** A name that `{file}` may have, by the operation's. */
export const FILE_OF: Readonly<Record<string, string>> = {
  getDocumentationFile: 'swagger-ui.css',
  getPageFile: 'page.css',
  getClientFile: 'client.ts',
};

export const isForAdmins = ({ path }: Operation) => path.startsWith('/admin/');
export const isStream = ({ operationId }: Operation) => operationId === 'streamEvents';

export function operationOf(operationId: string): Operation {
  const found = OPERATIONS.find((one) => one.operationId === operationId);
  assert.ok(found, operationId);
  return found;
}

/** One request of an operation: what its document gives as an example, but for what is asked. Redirects are answers. */
export function askOperation(api: ApiClient, operation: Operation, asked: Asked = {}): Promise<Answer> {
  const { ids = {}, query = '', raw, headers } = asked;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '');
  const body = bodyOf(operation, asked);
  const isJson = operation.body || raw !== undefined;
  return api.send(operation.method.toUpperCase(), path + query, {
    ...(body !== undefined && { body }),
    redirect: 'manual',
    headers: { ...(isJson && { 'content-type': 'application/json' }), ...headers },
  });
}

function bodyOf({ body, form }: Operation, { raw, body: given, file }: Asked): RequestInit['body'] {
  if (raw !== undefined) return typeof raw === 'string' ? raw : new Uint8Array(raw);
  if (body) return JSON.stringify(given ?? body.example);
  if (!form) return undefined;
  const data = new FormData();
  if (file) data.set(form.field, new Blob([new Uint8Array(file)]), 'picture.png');
  return data;
}
