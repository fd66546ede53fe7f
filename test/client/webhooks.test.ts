import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { makeDelivery } from '../api/make-delivery.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let userId: string;
let client: DarkroomClient;
let admin: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const user = await stack.createUser();
  userId = user.id;
  client = createDarkroomClient({ baseUrl: url, token: user.token });
  admin = createDarkroomClient({ baseUrl: url, token: stack.serviceRoleKey });
});
after(() => stack.stop());

it('a user makes, lists and deletes secrets, and an admin for them', async () => {
  const { secret, ...first } = await client.webhooks.secrets.create();
  const second = await admin.webhooks.secrets.create({ user_id: userId });

  assert.match(secret, /^whsec_/);
  const listed = async () => (await client.webhooks.secrets.list()).map(({ id }) => id);
  assert.deepEqual(await listed(), [second.id, first.id]);
  await client.webhooks.secrets.delete(first.id);
  assert.deepEqual(await listed(), [second.id]);
});

it('deliveries come page by page, by what is asked for, and are sent again', async () => {
  const made: string[] = [];
  for (let n = 0; n < 5; n += 1) made.unshift(await makeDelivery(stack, userId));
  const idsOf = async (filter: Parameters<typeof client.webhooks.deliveries>[0], as = client) => {
    const ids: string[] = [];
    for await (const { id } of as.webhooks.deliveries(filter)) ids.push(id);
    return ids;
  };

  assert.deepEqual(await idsOf({ limit: 2 }), made);
  const again = await client.webhooks.replay(String(made[2]));
  assert.deepEqual([again.id, again.status], [made[2], 'pending']);
  assert.deepEqual(await idsOf({ status: 'pending' }), [made[2]]);
  assert.deepEqual(await idsOf({ user_id: userId, status: 'succeeded' }, admin), made.toSpliced(2, 1));
});
