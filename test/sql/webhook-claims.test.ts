import assert from 'node:assert/strict';
import test, { after, beforeEach } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createWebhooks, first, ids } from '../support/sql-webhooks.ts';

const db = await openSqlDatabase();
const webhooks = createWebhooks(db);
after(() => db.close());
beforeEach(() => db.sql('delete from public.webhook_deliveries'));

test('a claimed delivery carries its body and the secrets of its user, and nobody else gets it', async () => {
  const user = await db.createUser();
  await webhooks.addSecret(user, 'sealed-1');
  await webhooks.addSecret(user, 'sealed-2');
  await webhooks.addSecret(await db.createUser(), 'of-another');
  const id = first(await webhooks.add(user));

  const one = await webhooks.claim();
  const other = await webhooks.claim();

  assert.deepEqual(ids(one.deliveries), [id]);
  assert.deepEqual(
    one.deliveries[0]?.secrets.map(({ sealed }) => sealed),
    ['sealed-1', 'sealed-2'],
  );
  assert.deepEqual([other.deliveries, other.done], [[], true]);
  assert.equal((await webhooks.rowOf(id))?.attempt, 1);
});

test('what is not due is not claimed', async () => {
  const id = first(await webhooks.add(await db.createUser()));
  await db.sql(`update public.webhook_deliveries set due_at = now() + interval '1 minute' where id = $1`, [
    id,
  ]);

  assert.deepEqual((await webhooks.claim()).deliveries, []);
});

test('one receiver has four under way at a time, the longest due first', async () => {
  const added = await webhooks.add(await db.createUser(), 'https://a.example.com/x', 6);
  await db.sql(
    `update public.webhook_deliveries d set due_at = now() - make_interval(secs => 100 - o.n)
     from unnest($1::uuid[]) with ordinality as o (id, n) where o.id = d.id`,
    [added],
  );

  const claim = await webhooks.claim();
  const meanwhile = await webhooks.claim();
  await webhooks.report(added[1] ?? '', claim.claimId, null, 200);
  const next = await webhooks.claim();

  assert.deepEqual(ids(claim.deliveries).sort(), added.slice(0, 4).sort());
  assert.deepEqual(meanwhile.deliveries, []);
  assert.deepEqual(ids(next.deliveries), [added[4]]);
});

test('one user has sixteen under way at a time, however many receivers they name', async () => {
  const [busy, other] = [await db.createUser(), await db.createUser()];
  for (let n = 0; n < 20; n += 1) await webhooks.add(busy, `https://h${n}.example.com/`, 2);
  const id = first(await webhooks.add(other));

  const { deliveries } = await webhooks.claim();

  const mine = deliveries.filter(({ user_id }) => user_id === busy);
  assert.equal(mine.length, 16);
  assert.ok(ids(deliveries).includes(id));
});

test('two users of one receiver have each their own room there', async () => {
  const users = [await db.createUser(), await db.createUser()];
  for (const user of users) await webhooks.add(user, 'https://a.example.com/', 5);

  const { deliveries } = await webhooks.claim();

  assert.deepEqual(
    users.map((user) => deliveries.filter(({ user_id }) => user_id === user).length),
    [4, 4],
  );
});

test('receivers take turns: a claim goes on where the last one stopped', async () => {
  const users = await Promise.all(Array.from({ length: 3 }, () => db.createUser()));
  for (const user of users) await webhooks.add(user, 'https://a.example.com/', 4);

  const one = await webhooks.claim(4);
  const two = await webhooks.claim(4, one.after);
  const three = await webhooks.claim(4, two.after);
  const four = await webhooks.claim(4, three.after);

  const served = [one, two, three].map(({ deliveries }) => new Set(deliveries.map((d) => d.user_id)));
  assert.deepEqual(
    served.map(({ size }) => size),
    [1, 1, 1],
  );
  assert.deepEqual(new Set(served.flatMap((one) => [...one])), new Set(users));
  assert.deepEqual([four.deliveries, four.done, four.around], [[], true, true]);
});

test('while one deliverer claims, another is told to come again', async () => {
  const id = first(await webhooks.add(await db.createUser()));
  const client = await db.connect();
  await client.query('begin');
  const mine = await webhooks.claim(1, null, client);

  const meanwhile = await webhooks.claim();
  await client.query('commit');
  client.release();

  assert.deepEqual(ids(mine.deliveries), [id]);
  assert.deepEqual([meanwhile.contended, meanwhile.deliveries], [true, []]);
});

test('a claim that nobody reports about runs out, and what comes late of it changes nothing', async () => {
  const id = first(await webhooks.add(await db.createUser()));
  const lost = await webhooks.claim();
  const seconds = await webhooks.secondsUntilDue(id);
  await webhooks.bringForward(id);

  const again = await webhooks.claim();
  const late = await webhooks.report(id, lost.claimId, null, 200);
  const report = await webhooks.report(id, again.claimId, null, 204);

  assert.ok(seconds > 55 && seconds <= 60, `${seconds}`);
  assert.deepEqual([late, report?.status], [undefined, 'succeeded']);
  const row = await webhooks.rowOf(id);
  assert.deepEqual([row?.attempt, row?.failures, row?.http_status, row?.claim_id], [2, 0, 204, null]);
  assert.ok(row?.completed_at);
});

test('what waits for a user who was deleted goes with them, and so do their secrets', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  await webhooks.addSecret(user);
  const id = first(await webhooks.add(user));
  const others = first(await webhooks.add(other));
  await db.sql('delete from auth.users where id = $1', [user]);

  const { deliveries } = await webhooks.claim();

  assert.deepEqual(ids(deliveries), [others]);
  assert.equal(await webhooks.rowOf(id), undefined);
  assert.deepEqual(await db.sql('select from public.webhook_secrets where user_id = $1', [user]), []);
});

test('what waits for a banned user fails without being sent', async () => {
  await db.sql('alter table auth.users add column if not exists banned_until timestamptz');
  const user = await db.createUser();
  const id = first(await webhooks.add(user));
  await db.sql(`update auth.users set banned_until = now() + interval '1 hour' where id = $1`, [user]);

  const { deliveries } = await webhooks.claim();

  assert.deepEqual(deliveries, []);
  const row = await webhooks.rowOf(id);
  assert.deepEqual([row?.status, row?.error_code, row?.attempt], ['failed', 'user_inactive', 0]);
});
