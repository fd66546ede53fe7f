import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import {
  type ApiClient,
  assertProblem,
  createApiClient,
  IMAGES,
  type Json,
  UNKNOWN_ID,
} from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  api = createApiClient(url);
});
after(() => stack.stop());

const remove = (id: string, caller = api) => caller.send('DELETE', `${IMAGES}/${id}`);
const filesOf = async (id: string) => {
  const { data, error } = await stack.supabase.storage.from('generated-images').list(`anonymous/${id}`);
  if (error) throw error;
  return data.map(({ name }) => name);
};

async function makeImage(): Promise<Json> {
  const worker = await stack.startWorker();
  const { id } = await api.submit({ prompt: 'A harbour [[sim:bytes=1024]]' });
  const record = await waitForEnd(url, id);
  assert.equal(record.status, 'succeeded');
  await worker.stop();
  return record;
}

describe('a deleted image', () => {
  it('is gone for every read, with its file', async () => {
    const { id, image_url: imageUrl } = await makeImage();

    const answer = await remove(id);

    assert.deepEqual([answer.status, answer.text], [204, '']);
    assertProblem(await api.read(id), 410, 'gone');
    assertProblem(await api.get(`${IMAGES}/${id}/image`), 410, 'gone');
    assertProblem(await api.send('POST', `${IMAGES}/${id}/cancel`), 410, 'gone');
    const { body } = await api.history('?limit=100');
    assert.ok(!body.items.some((item: Json) => item.id === id));
    assert.deepEqual((await api.history(`?ids=${id}`)).body.items, []);
    assert.deepEqual(await filesOf(id), []);
    assert.equal((await fetch(imageUrl)).ok, false);
  });

  it('is deleted however often it is asked for', async () => {
    const { id } = await api.submit();

    assert.equal((await remove(id)).status, 204);
    assert.equal((await remove(id)).status, 204);
  });

  it('that was waiting is not made', async () => {
    const { id } = await api.submit();
    await remove(id);

    const [row] = await stack.sql('select status from public.generated_images where id = $1', [id]);
    assert.equal(row?.status, 'canceled');
  });

  it('that was just being made is stopped, and leaves no file', async () => {
    const worker = await stack.startWorker();
    const key = randomUUID();
    const { id } = await api.submit({ prompt: `A harbour [[sim:key=${key}; fault=hold:ok]]` });
    await stack.gemini.control.waitForCall(key);

    assert.equal((await remove(id)).status, 204);

    await stack.gemini.control.waitForCall(key, 1, 'aborted');
    await waitFor('the row to end', async () => {
      const [row] = await stack.sql('select status from public.generated_images where id = $1', [id]);
      return row?.status === 'canceled';
    });
    assert.deepEqual(await filesOf(id), []);
    await worker.stop();
  });

  it('keeps its file for the clean-up when Storage is away', async () => {
    const { id } = await makeImage();
    await stack.supabase.storage
      .from('generated-images')
      .move(`anonymous/${id}/1.png`, `anonymous/${id}/2.png`);

    assert.equal((await remove(id)).status, 204);

    const planned = await stack.sql(
      `select 1 from public.storage_cleanup where folder like '%' || $1 || '%'`,
      [id],
    );
    assert.ok(planned.length > 0);
  });
});

describe('an image is deleted by nobody but its owner', () => {
  it('to others it is not there', async () => {
    const [one, two] = [await stack.createUser(), await stack.createUser()];
    const [owner, other] = [createApiClient(url, one.token), createApiClient(url, two.token)];
    const { id } = await owner.submit();

    for (const caller of [other, api]) assertProblem(await remove(id, caller), 404, 'not_found');
    assertProblem(await remove(UNKNOWN_ID, owner), 404, 'not_found');
    assert.equal((await owner.read(id)).status, 200);
    assert.equal((await remove(id, owner)).status, 204);
  });
});
