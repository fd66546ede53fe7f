import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, type Json } from './api-client.ts';

let stack: TestStack;
let admin: ApiClient;
let user: ApiClient;
let nobody: ApiClient;
let userId: string;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const signedIn = await stack.createUser();
  userId = signedIn.id;
  user = createApiClient(url, signedIn.token);
  nobody = createApiClient(url);
  admin = createApiClient(url, stack.serviceRoleKey);
});
after(() => stack.stop());

describe('the service key', () => {
  it("sees, cancels and deletes everybody's images", async () => {
    const { id } = await user.submit();

    assert.equal((await admin.read(id)).body.id, id);
    assert.equal((await admin.send('POST', `${IMAGES}/${id}/cancel`)).body.status, 'canceled');
    assert.equal((await admin.send('DELETE', `${IMAGES}/${id}`)).status, 204);
    assertProblem(await user.read(id), 410, 'gone');
  });

  it('sees all histories, and that of one user on request', async () => {
    const { id } = await user.submit();
    const own = await admin.submit();

    const idsOf = async (query: string) =>
      (await admin.history(query)).body.items.map((item: Json) => item.id);

    assert.deepEqual((await idsOf('?limit=2')).sort(), [id, own.id].sort());
    assert.deepEqual(await idsOf(`?user_id=${userId}`), [id]);
  });

  it("makes a user's image again for that user, not for everybody to read", async () => {
    const parent = await user.submit({ prompt: 'A secret fox' });

    const { body } = await admin.send('POST', `${IMAGES}/${parent.id}/regenerate`, {
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });

    assert.equal((await user.read(body.id)).status, 200);
    assertProblem(await nobody.read(body.id), 404, 'not_found');
    const [row] = await stack.sql('select user_id, lane_key from public.generated_images where id = $1', [
      body.id,
    ]);
    assert.deepEqual(row, { user_id: userId, lane_key: 'admin' });
  });

  it('alone may ask for the images of a user', async () => {
    assertProblem(await user.history(`?user_id=${userId}`), 403, 'forbidden');
  });

  it('submits where anonymous use is off', async () => {
    const { url } = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });

    const { id } = await createApiClient(url, stack.serviceRoleKey).submit();

    const [row] = await stack.sql('select user_id, lane_key from public.generated_images where id = $1', [
      id,
    ]);
    assert.deepEqual(row, { user_id: null, lane_key: 'admin' });
  });
});
