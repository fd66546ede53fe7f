import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Answer, ApiClient, Json } from './api-client.ts';

export const DATASETS = '/ai/datasets';

export type FormPart = { name?: string; content: Buffer | string; filename?: string; type?: string };

/** The API's datasets, as one caller. */
export function createDatasetClient(api: ApiClient) {
  const sendJson = (method: string, path: string, fields: unknown) =>
    api.send(method, path, {
      body: JSON.stringify(fields),
      headers: { 'content-type': 'application/json' },
    });
  const sendForm = (method: string, path: string, parts: FormPart[]) =>
    api.send(method, path, { body: toForm(parts) });
  const create = (fields: unknown = {}) => sendJson('POST', DATASETS, fields);

  return {
    create,
    /** A new dataset's record. */
    async add(fields: object = {}): Promise<Json> {
      const answer = await create(fields);
      assert.equal(answer.status, 201, answer.text);
      return answer.body;
    },
    read: (id: string) => api.get(`${DATASETS}/${id}`),
    list: (query = '') => api.get(`${DATASETS}${query}`),
    change: (id: string, fields: unknown) => sendJson('PATCH', `${DATASETS}/${id}`, fields),
    remove: (id: string) => api.send('DELETE', `${DATASETS}/${id}`),
    upload: (id: string, parts: FormPart[]) => sendForm('POST', `${DATASETS}/${id}/images`, parts),
    removeImage: (id: string, imageId: string) => api.send('DELETE', `${DATASETS}/${id}/images/${imageId}`),
    setLogo: (id: string, parts: FormPart[]) => sendForm('PUT', `${DATASETS}/${id}/logo`, parts),
    removeLogo: (id: string) => api.send('DELETE', `${DATASETS}/${id}/logo`),
  };
}
export type DatasetClient = ReturnType<typeof createDatasetClient>;

export const images = (...contents: (Buffer | string)[]): FormPart[] =>
  contents.map((content, index) => ({ content, filename: `${index}.png` }));

/** Without a filename a part is a text field. */
function toForm(parts: FormPart[]): FormData {
  const form = new FormData();
  for (const { name = 'images', content, filename, type = 'image/png' } of parts) {
    const bytes = new Blob([typeof content === 'string' ? content : new Uint8Array(content)], { type });
    if (filename === undefined) form.append(name, String(content));
    else form.append(name, bytes, filename);
  }
  return form;
}

/** The codes of a refusal's fields, by pointer. */
export function codesOf(answer: Answer): Record<string, string> {
  return Object.fromEntries(answer.body.errors.map(({ pointer, code }: Json) => [pointer, code]));
}

/** What this process's uploads have in the temporary folder just now. */
export async function uploadFolders(): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter((name) => name.startsWith('darkroom-upload-') && name.includes(`-${process.pid}-`));
}
