import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

type Pause = {
  scope: string;
  model: string | null;
  by: string;
  state: string;
  until: string | null;
  reason: string | null;
};

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

const pause = async (model: string | null, until: string | null = null, reason: string | null = null) =>
  (
    await callFunction<Pause[]>(db.service, 'pause_generations', {
      p_model: model,
      p_until: until,
      p_reason: reason,
    })
  )[0] ?? [];
const resume = async (model: string | null, holds = false) =>
  (await callFunction<Pause[]>(db.service, 'resume_generations', { p_model: model, p_holds: holds }))[0] ??
  [];
const hold = (scope: string, seconds = 60) =>
  callFunction(db.service, 'hold_calls', { p_scope: scope, p_seconds: seconds, p_reason: 'misconfigured' });
const submit = (model: string, count: number) =>
  generations.submit(Array.from({ length: count }, () => newItem({ lane_key: 'a', model })));
const released = async () => (await generations.release()).jobs.length;
const brief = (pauses: Pause[]) => pauses.map(({ by, model, state }) => `${by} ${model ?? 'all'} ${state}`);

test('a pause of all holds every model until it is lifted, and then they all go on at once', async () => {
  await submit('model-a', 2);
  await submit('model-b', 2);
  const inForce = await pause(null, null, 'maintenance');
  const whilePaused = await released();

  const left = await resume(null);

  assert.partialDeepStrictEqual(inForce, [
    { scope: 'all', model: null, by: 'operator', state: 'paused', until: null, reason: 'maintenance' },
  ]);
  assert.deepEqual([whilePaused, left, await released()], [0, [], 4]);
});

test('a pause of one model holds that one only, and what was out goes back at its claim', async () => {
  const out = await generations.addPending({ released: true, model: 'model-a' });
  await submit('model-a', 2);
  await submit('model-b', 2);
  await pause('model-a');

  const claimed = await generations.claim(out, randomUUID(), randomUUID());

  assert.equal(claimed, undefined);
  assert.partialDeepStrictEqual(await generations.row(out), { status: 'pending', billable_calls: 0 });
  assert.equal(await released(), 2);
});

test('a call that went through does not lift a pause without an end', async () => {
  const { id, claimId } = await generations.addProcessing();
  await pause('model-a');
  await pause(null);

  await generations.complete(id, claimId);

  assert.deepEqual(brief(await resume('no-such-model')), ['operator all paused', 'operator model-a paused']);
});

test('pausing again replaces the end and the reason, also by an earlier end', async () => {
  await pause('model-a', null, 'for ever');
  const soon = new Date(Date.now() + 600_000).toISOString();

  const [one, ...others] = await pause('model-a', soon, 'for a while');

  assert.deepEqual(others, []);
  assert.equal(new Date(one?.until ?? '').toISOString(), soon);
  assert.equal(one?.reason, 'for a while');
});

test('a pause cannot end in the past', async () => {
  assert.equal(await errorCode(pause(null, new Date(0).toISOString())), '22023');
  assert.deepEqual(await resume('any'), []);
});

test('a pause whose end has come reopens by one image, as a hold does', async () => {
  await submit('model-a', 5);
  await pause('model-a', new Date(Date.now() + 600_000).toISOString());
  await db.sql(`update public.pauses set until = now() - interval '1 second'`);
  const probes = [await released(), await released()];
  const [probe] = await db.sql<{ id: string }>(
    'select id from public.generated_images where released_at is not null',
  );
  const claimId = randomUUID();
  await generations.claim(String(probe?.id), randomUUID(), claimId);

  await generations.complete(String(probe?.id), claimId);

  assert.deepEqual(probes, [1, 0]);
  assert.equal(await released(), 4);
});

test('resuming leaves automatic holds, and a hold that ends leaves the pause', async () => {
  await submit('model-a', 2);
  await hold('model:model-a');
  await pause('model-a');
  const both = brief(await pause(null));

  const resumed = brief(await resume('model-a'));
  await resume(null);

  assert.deepEqual(both, ['quota model-a paused', 'operator all paused', 'operator model-a paused']);
  assert.deepEqual(resumed, ['quota model-a paused', 'operator all paused']);
  assert.equal(await released(), 0);
});

test('the pause of all and that of one model are lifted one by one', async () => {
  await pause(null);
  await pause('model-a');

  assert.deepEqual(brief(await resume(null)), ['operator model-a paused']);
  assert.deepEqual(brief(await resume('model-a')), []);
  assert.deepEqual(brief(await resume('model-a')), []);
});

test('asked to, resuming ends the wait of holds too, and one image finds out', async () => {
  await submit('model-a', 5);
  await hold('project');
  await hold('model:model-a');
  await hold('model:model-b');
  await pause('model-b');

  const ofModel = brief(await resume('model-a', true));
  const ofAll = brief(await resume(null, true));

  assert.deepEqual(ofModel, [
    'quota model-a probing',
    'quota model-b paused',
    'operator model-b paused',
    'quota all paused',
  ]);
  assert.deepEqual(ofAll, [
    'quota model-a probing',
    'quota model-b probing',
    'operator model-b paused',
    'quota all probing',
  ]);
  assert.deepEqual([await released(), await released()], [1, 0]);
});

test('workers are listed with what they hold and whether they live', async () => {
  const alive = await generations.addWorker({ concurrency: 6 });
  const draining = await generations.addWorker({ concurrency: 0 });
  const dead = await generations.addWorker({ concurrency: 5 });
  await generations.kill(dead);
  await generations.addProcessing({ worker: alive });
  await generations.addProcessing({ worker: alive });

  const [workers = []] = await callFunction<Record<string, unknown>[]>(db.service, 'list_workers');

  assert.deepEqual(
    workers
      .map(({ id, host, concurrency, busy, alive, draining }) => [
        id,
        host,
        concurrency,
        busy,
        alive,
        draining,
      ])
      .sort(),
    [
      [alive, 'test', 6, 2, true, false],
      [draining, 'test', 0, 0, true, true],
      [dead, 'test', 5, 0, false, false],
    ].sort(),
  );
  assert.equal(workers.at(-1)?.id, dead);
});
