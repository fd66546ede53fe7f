import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, beforeEach } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
beforeEach(() => generations.clear());
after(() => db.close());

const hold = (scope: string, seconds: number) =>
  callFunction(db.service, 'hold_calls', { p_scope: scope, p_seconds: seconds, p_reason: 'quota' });
const holdIsOver = () => db.sql(`update public.pauses set until = now() - interval '1 second'`);
const submit = (model: string, count: number, lane = 'a') =>
  generations.submit(Array.from({ length: count }, () => newItem({ lane_key: lane, model })));
const scopes = async () =>
  (await db.sql<{ scope: string }>('select scope from public.pauses order by 1')).map((row) => row.scope);

/** How many rows of each model a release lets out. */
async function releasedModels(): Promise<Record<string, number>> {
  const { jobs } = await generations.release();
  const rows = await db.sql<{ model: string; n: number }>(
    'select model, count(*)::integer as n from public.generated_images where id = any ($1) group by 1',
    [jobs.map((job) => job.id)],
  );
  return Object.fromEntries(rows.map(({ model, n }) => [model, n]));
}

/** Claims a row that is out, and completes it, as a worker whose call went through. */
async function work(id: string): Promise<void> {
  const claimId = randomUUID();
  assert.ok(await generations.claim(id, randomUUID(), claimId));
  await generations.complete(id, claimId);
}

test('a paused model stays and does not hold another one up, in the same lane or in others', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 9, 'a');
  await submit('model-b', 2, 'a');
  await submit('model-b', 2, 'b');

  assert.deepEqual(await releasedModels(), { 'model-b': 4 });
});

for (const scope of ['project', 'operator']) {
  test(`a pause of the ${scope} holds every model`, async () => {
    await hold(scope, 60);
    await submit('model-a', 2);
    await submit('model-b', 2);

    assert.deepEqual(await releasedModels(), {});
  });
}

test('a pause ends by itself with one row that probes, and the others wait for it', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 9);
  await holdIsOver();

  const first = await generations.release();
  const second = await generations.release();

  assert.deepEqual([first.jobs.length, second.jobs.length], [1, 0]);
});

test('while one model probes another goes on', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 3);
  await submit('model-b', 3);
  await holdIsOver();

  assert.deepEqual(await releasedModels(), { 'model-a': 1, 'model-b': 3 });
});

test('a probe that went through opens the model for all', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 9);
  await holdIsOver();
  const [probe] = (await generations.release()).jobs;

  await work(String(probe?.id));

  assert.deepEqual(await scopes(), []);
  assert.deepEqual(await releasedModels(), { 'model-a': 4 });
});

test('a probe that ran into the quota again leaves the model paused', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 9);
  await holdIsOver();
  const [probe] = (await generations.release()).jobs;
  const claimId = randomUUID();
  await generations.claim(String(probe?.id), randomUUID(), claimId);
  await hold('model:model-a', 60);

  await generations.giveBack(String(probe?.id), claimId);

  assert.deepEqual(await releasedModels(), {});
  assert.deepEqual(await scopes(), ['model:model-a']);
});

test('a probe that only adopted an image says nothing about the quota', async () => {
  await hold('model:model-a', 60);
  await submit('model-a', 2);
  await holdIsOver();
  const [probe] = (await generations.release()).jobs;
  const claimId = randomUUID();
  await generations.claim(String(probe?.id), randomUUID(), claimId);

  await generations.complete(String(probe?.id), claimId, { billed: false });

  assert.deepEqual(await scopes(), ['model:model-a']);
});

for (const scope of ['project', 'operator']) {
  test(`after a pause of the ${scope} a call that went through opens everything`, async () => {
    await hold(scope, 60);
    await submit('model-a', 9);
    await holdIsOver();
    const [probe] = (await generations.release()).jobs;

    await work(String(probe?.id));

    assert.deepEqual(await releasedModels(), { 'model-a': 4 });
  });
}

test('a call that went through does not lift a pause whose time has not come', async () => {
  const { id, claimId } = await generations.addProcessing();
  await hold('model:model-a', 60);
  await hold('operator', 60);

  await generations.complete(id, claimId);

  assert.deepEqual(await scopes(), ['model:model-a', 'operator']);
});

test('of two pauses of one scope the later end counts', async () => {
  const ends = async () =>
    (
      await db.sql<{ ahead: number }>(
        'select round(extract(epoch from until - now()) / 10)::integer as ahead from public.pauses',
      )
    ).map((row) => row.ahead);
  await hold('project', 600);
  await hold('project', 60);
  const afterShorter = await ends();

  await hold('project', 1200);

  assert.deepEqual([afterShorter, await ends()], [[60], [120]]);
});

test('a row that was out when its model was paused goes back at its claim, at no cost', async () => {
  const id = await generations.addPending({ released: true });
  await hold('model:model-a', 60);

  const answer = await generations.claim(id, randomUUID(), randomUUID());

  assert.equal(answer, undefined);
  const row = await generations.row(id);
  assert.partialDeepStrictEqual(row, { status: 'pending', attempt: 0, billable_calls: 0, released_at: null });
  assert.notEqual(row?.not_before, null);
});

test('while a model probes the second of two rows that are out goes back at its claim', async () => {
  const [first, second] = [
    await generations.addPending({ released: true }),
    await generations.addPending({ released: true }),
  ];
  await hold('model:model-a', 60);
  await holdIsOver();

  const answers = [
    await generations.claim(first, randomUUID(), randomUUID()),
    await generations.claim(second, randomUUID(), randomUUID()),
  ];

  assert.deepEqual(
    answers.map((answer) => answer?.status),
    ['processing', undefined],
  );
  assert.partialDeepStrictEqual(await generations.row(second), { status: 'pending', released_at: null });
});

test('of two rows of a probing model that are claimed at the same moment one is processed', async () => {
  const ids = [
    await generations.addPending({ released: true }),
    await generations.addPending({ released: true }),
    await generations.addPending({ released: true }),
  ];
  await hold('project', 60);
  await holdIsOver();

  const answers = await Promise.all(ids.map((id) => generations.claim(id, randomUUID(), randomUUID())));

  assert.equal(answers.filter(Boolean).length, 1);
});
