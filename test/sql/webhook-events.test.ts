import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { ERROR } from '../support/sql-rows.ts';
import { createWebhooks, type Delivery } from '../support/sql-webhooks.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
const webhooks = createWebhooks(db);
after(() => db.close());

const URL = 'https://Hooks.Example.com:8443/a?token=b';

const deliveriesOf = (imageId: string) =>
  db.sql<Delivery>('select * from public.webhook_deliveries where image_id = $1', [imageId]);

/** The only delivery of an image, with its body read. */
async function onlyDelivery(imageId: string) {
  const [delivery, ...others] = await deliveriesOf(imageId);
  assert.ok(delivery);
  assert.deepEqual(others, []);
  return { ...delivery, told: JSON.parse(delivery.body) };
}

test('an image that succeeds tells its address so, in words of its record', async () => {
  const user = await db.createUser();
  const held = await generations.addProcessing({
    user_id: user,
    webhook_url: URL,
    metadata: { row: '17', name: 'ä "quoted" 🦊' },
  });
  assert.deepEqual(await deliveriesOf(held.id), []);

  await generations.complete(held.id, held.claimId);

  const { told, ...delivery } = await onlyDelivery(held.id);
  assert.match(told.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(told, {
    type: 'image.succeeded',
    timestamp: told.timestamp,
    data: {
      id: held.id,
      status: 'succeeded',
      batch_id: null,
      custom_id: null,
      metadata: { row: '17', name: 'ä "quoted" 🦊' },
      image_url: `https://storage.test/${held.id}/1.png`,
      error: null,
    },
  });
  assert.deepEqual(
    [delivery.user_id, delivery.type, delivery.url, delivery.host, delivery.status],
    [user, 'image.succeeded', URL, 'hooks.example.com:8443', 'pending'],
  );
});

test('a failed image tells why, and whether it may have cost something', async () => {
  const held = await generations.addProcessing({ user_id: await db.createUser(), webhook_url: URL });

  await generations.fail(held.id, held.claimId);

  const { told } = await onlyDelivery(held.id);
  assert.equal(told.type, 'image.failed');
  assert.deepEqual(told.data.error, {
    ...ERROR,
    charged: true,
    upstream: { reason: null, http_status: null },
  });
});

test('a canceled and an expired image tell their address', async () => {
  const user = await db.createUser();
  const canceled = await generations.addPending({ user_id: user, webhook_url: URL });
  const expired = await generations.addPending({ user_id: user, webhook_url: URL });
  await generations.passDeadline(expired);

  await callFunction(db.service, 'cancel_generation', { p_id: canceled, p_user_id: user });
  await generations.expire();

  assert.equal((await onlyDelivery(canceled)).told.type, 'image.canceled');
  const { told } = await onlyDelivery(expired);
  assert.deepEqual([told.type, told.data.error.code], ['image.expired', 'deadline_exceeded']);
});

test('a deleted image tells that it was canceled', async () => {
  const user = await db.createUser();
  const id = await generations.addPending({ user_id: user, webhook_url: URL });

  await callFunction(db.service, 'delete_generation', { p_id: id, p_user_id: user });

  assert.equal((await onlyDelivery(id)).type, 'image.canceled');
});

test('an image that goes back to its queue, has no address, or belongs to nobody tells nothing', async () => {
  const user = await db.createUser();
  const back = await generations.addProcessing({ user_id: user, webhook_url: URL });
  const silent = await generations.addProcessing({ user_id: user });
  const nobodys = await generations.addProcessing({ webhook_url: URL });

  await generations.giveBack(back.id, back.claimId);
  await generations.complete(silent.id, silent.claimId);
  await generations.complete(nobodys.id, nobodys.claimId);

  for (const { id } of [back, silent, nobodys]) assert.deepEqual(await deliveriesOf(id), []);
});

test('an end that is undone tells nothing', async () => {
  const held = await generations.addProcessing({ user_id: await db.createUser(), webhook_url: URL });
  const client = await db.connect();
  await client.query('begin');
  await generations.complete(held.id, held.claimId, {}, client);
  await client.query('rollback');
  client.release();

  assert.deepEqual(await deliveriesOf(held.id), []);
});

test('a user has two secrets at most, and sees but the ends of them', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const first = await webhooks.addSecret(user);
  await webhooks.addSecret(user);
  await webhooks.addSecret(other);

  assert.equal(await errorCode(webhooks.addSecret(user)), 'DRMAX');

  const list = async (userId: string | null, admin = false) =>
    (
      await callFunction<Record<string, unknown>[]>(db.service, 'list_webhook_secrets', {
        p_user_id: userId,
        p_admin: admin,
      })
    )[0] ?? [];
  const shown = await list(user);
  assert.deepEqual(
    shown.map((one) => Object.keys(one).sort()),
    Array(2).fill(['created_at', 'hint', 'id', 'user_id']),
  );
  assert.deepEqual([(await list(null)).length, (await list(null, true)).length], [0, 3]);

  const remove = (id: string, userId: string | null) =>
    callFunction(db.service, 'delete_webhook_secret', { p_id: id, p_user_id: userId });
  assert.deepEqual([await remove(first, other), await remove(first, null)], [[], []]);
  assert.equal((await remove(first, user)).length, 1);
  assert.equal(await errorCode(webhooks.addSecret(user)), null);
});

test('ten secrets that are asked for at once are two', async () => {
  const user = await db.createUser();

  const codes = await Promise.all(Array.from({ length: 10 }, () => errorCode(webhooks.addSecret(user))));

  assert.equal(codes.filter((code) => code === null).length, 2);
});

test('a user who is gone gets no secret', async () => {
  const user = await db.createUser();
  await db.sql('delete from auth.users where id = $1', [user]);

  assert.equal(await errorCode(webhooks.addSecret(user)), '23503');
});
