import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createWebhooks, first, ids } from '../support/sql-webhooks.ts';

const db = await openSqlDatabase();
const webhooks = createWebhooks(db);
after(() => db.close());
beforeEach(() => db.sql('delete from public.webhook_deliveries'));

test('a failed attempt comes again by the schedule, ten in all', async () => {
  const id = first(await webhooks.add(await db.createUser()));
  const waits: number[] = [];
  let status = 'pending';
  for (let tries = 0; tries < 20 && status === 'pending'; tries += 1) {
    await webhooks.bringForward(id);
    const { claimId, deliveries } = await webhooks.claim();
    assert.deepEqual(ids(deliveries), [id]);
    status = (await webhooks.report(id, claimId, 'http_status', 503))?.status ?? 'lost';
    if (status === 'pending') waits.push(await webhooks.secondsUntilDue(id));
  }

  const planned = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
  assert.equal(waits.length, planned.length);
  for (const [index, seconds] of planned.entries()) {
    const waited = waits[index] ?? 0;
    assert.ok(waited > seconds * 0.88 && waited < seconds * 1.1, `${waited} for ${seconds}`);
  }
  const row = await webhooks.rowOf(id);
  assert.deepEqual(
    [row?.status, row?.attempt, row?.error_code, row?.http_status],
    ['failed', 10, 'http_status', 503],
  );
});

test('410 ends it, and what else waits for this address of this user, but not what is under way', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const url = 'https://a.example.com/gone';
  const added = await webhooks.add(user, url, 6);
  const { claimId, deliveries } = await webhooks.claim();
  const [target = '', ...underWay] = ids(deliveries);
  const elsewhere = await webhooks.add(user, 'https://a.example.com/here');
  const others = await webhooks.add(other, url);

  const report = await webhooks.report(target, claimId, 'gone', 410);

  assert.equal(report?.status, 'failed');
  const statuses = async (some: string[]) =>
    Promise.all(some.map(async (id) => (await webhooks.rowOf(id))?.status));
  const waiting = added.filter((id) => !ids(deliveries).includes(id));
  assert.deepEqual(await statuses(waiting), ['failed', 'failed']);
  assert.deepEqual(await statuses(underWay), ['pending', 'pending', 'pending']);
  assert.deepEqual(await statuses([...elsewhere, ...others]), ['pending', 'pending']);
});

test('a delivery that a leaving worker hands back is due at once, at no failure', async () => {
  const id = first(await webhooks.add(await db.createUser()));
  const { claimId } = await webhooks.claim();
  const handBack = (claim: string) =>
    callFunction(db.service, 'return_webhook_delivery', { p_id: id, p_claim_id: claim });

  await handBack(randomUUID());
  assert.deepEqual((await webhooks.claim()).deliveries, []);
  await handBack(claimId);

  assert.deepEqual(ids((await webhooks.claim()).deliveries), [id]);
  assert.equal((await webhooks.rowOf(id))?.failures, 0);
});

test('a replay sends an ended one again, with its schedule from the beginning', async () => {
  const user = await db.createUser();
  const id = first(await webhooks.add(user));
  const { claimId } = await webhooks.claim();
  await webhooks.report(id, claimId, null, 200);

  const replayed = await webhooks.replay(id, user);

  assert.deepEqual([replayed?.status, replayed?.failures, replayed?.completed_at], ['pending', 0, null]);
  assert.deepEqual(ids((await webhooks.claim()).deliveries), [id]);
});

test('a replay of one that is under way does not let it be sent twice at a time', async () => {
  const user = await db.createUser();
  const id = first(await webhooks.add(user));
  const { claimId } = await webhooks.claim();

  await webhooks.replay(id, user);

  assert.deepEqual((await webhooks.claim()).deliveries, []);
  assert.equal((await webhooks.report(id, claimId, null, 200))?.status, 'succeeded');
});

test('only its user and an admin can replay a delivery', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const id = first(await webhooks.add(user));

  assert.deepEqual(
    [await webhooks.replay(id, other), await webhooks.replay(id, null)],
    [undefined, undefined],
  );
  assert.equal((await webhooks.replay(id, null, true))?.id, id);
});

test('deliveries are listed newest first, to their user and an admin, filtered and in pages', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const added: string[] = [];
  for (let n = 0; n < 3; n += 1) added.unshift(first(await webhooks.add(user)));
  const foreign = first(await webhooks.add(other));
  const image = (await webhooks.rowOf(added[1] ?? ''))?.image_id;
  const { claimId } = await webhooks.claim();
  await webhooks.report(added[2] ?? '', claimId, null, 200);

  assert.deepEqual(ids(await webhooks.list(user)), added);
  assert.deepEqual(await webhooks.list(null), []);
  assert.deepEqual(ids(await webhooks.list(user, { p_image_id: image })), [added[1]]);
  assert.deepEqual(await webhooks.list(other, { p_image_id: image }), []);
  assert.deepEqual(ids(await webhooks.list(user, { p_status: 'succeeded' })), [added[2]]);
  assert.deepEqual(ids(await webhooks.list(null, { p_admin: true })), [foreign, ...added]);
  assert.deepEqual(ids(await webhooks.list(null, { p_admin: true, p_of_user: user })), added);
  assert.deepEqual(await webhooks.list(other, { p_of_user: user }), []);
  const [last] = (await webhooks.list(user, { p_limit: 2 })).slice(-1) as unknown as { created_at: string }[];
  const rest = await webhooks.list(user, {
    p_before_created_at: last?.created_at,
    p_before_id: added[1],
  });
  assert.deepEqual(ids(rest), [added[2]]);
  assert.ok(!('body' in first(rest)) && !('claim_id' in first(rest)));
});

test('what ended a month ago is removed a thousand at a time, and nothing else', async () => {
  const user = await db.createUser();
  const old = await webhooks.add(user, 'https://a.example.com/', 1_200);
  const kept = await webhooks.add(user, 'https://a.example.com/', 2);
  const end = (some: string[], ago: string) =>
    db.sql(
      `update public.webhook_deliveries set status = 'failed', completed_at = now() - $2::interval where id = any ($1)`,
      [some, ago],
    );
  await end(old, '30 days 1 hour');
  await end(kept.slice(0, 1), '29 days');
  const prune = async () => first(await callFunction<number>(db.service, 'prune_webhook_deliveries'));

  assert.deepEqual([await prune(), await prune(), await prune()], [1_000, 200, 0]);

  assert.equal((await webhooks.list(user)).length, 2);
});

test('the gauges count what is due and not under way', async () => {
  const user = await db.createUser();
  const read = async () =>
    first(
      await callFunction<{ due: number; overdue_seconds: number | null }>(db.service, 'get_webhook_gauges'),
    );
  assert.deepEqual(await read(), { due: 0, overdue_seconds: null });

  const [id] = await webhooks.add(user, 'https://a.example.com/', 5);
  await db.sql(`update public.webhook_deliveries set due_at = now() - interval '1 hour' where id = $1`, [id]);
  const before = await read();
  await webhooks.claim();

  assert.equal(before.due, 5);
  assert.ok(Number(before.overdue_seconds) >= 3_600);
  assert.equal((await read()).due, 1);
});
