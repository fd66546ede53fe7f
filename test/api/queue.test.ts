import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, assertProblem, createApiClient, type Json } from './api-client.ts';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack({ leaseSeconds: 600 });
  ({ url } = await stack.startApi({ ANONYMOUS_ACCESS: 'false' }));
});
after(() => stack.stop());
afterEach(() =>
  stack.sql(
    'update settings set max_concurrency = null; delete from pauses; delete from workers; delete from generated_images; delete from lanes',
  ),
);

/** As an API tells it that has read nothing of it yet. */
async function freshly(ask: (url: string) => Promise<Answer>): Promise<Json> {
  const fresh = await stack.startApi();
  const { status, body, text } = await ask(fresh.url);
  assert.equal(status, 200, text);
  await fresh.stop();
  return body;
}
const readQueue = (token: string) => freshly((at) => createApiClient(at, token).get('/ai/queue'));

const addWorker = (slots: number) =>
  stack.sql(`select public.beat_worker($1, 'host', $2, '[]')`, [randomUUID(), slots]);
const pause = () => stack.sql(`select public.pause_generations(null, null, 'a secret reason')`);

it('tells a caller what waits, of everybody and of their own, and where the next image would stand', async () => {
  const [mine, other, third] = await Promise.all([1, 2, 3].map(() => stack.createUser()));
  await pause();
  for (const [user, count] of [
    [mine, 2],
    [other, 5],
    [third, 1],
  ] as const) {
    for (let n = 0; n < count; n += 1) await createApiClient(url, user?.token).submit();
  }

  const [ofMine, ofOther] = [await readQueue(mine?.token ?? ''), await readQueue(other?.token ?? '')];

  assert.deepEqual([ofMine.waiting, ofMine.released, ofMine.processing], [8, 0, 0]);
  // Mine would be the third of mine: two more of mine, three of the other and one of the third are not behind it.
  assert.deepEqual(ofMine.mine, {
    waiting: 2,
    released: 0,
    processing: 0,
    queue_position: 7,
    eta_seconds: null,
  });
  assert.deepEqual([ofOther.mine.waiting, ofOther.mine.queue_position], [5, 9]);
  let place = null;
  // A submit does not wait for it on a slow machine.
  while (place === null) {
    const dryRun = { prompt: 'A fox', dry_run: true };
    ({ queue_position: place } = await freshly((at) => createApiClient(at, mine?.token).generate(dryRun)));
  }
  assert.equal(place, 7);
});

it('counts what is on its way and what is being made', async () => {
  const { token } = await stack.createUser();
  await addWorker(2);
  await pause();
  for (let n = 0; n < 3; n += 1) await createApiClient(url, token).submit();
  await stack.sql(`
    with out as (
      update generated_images set released_at = now(), release_epoch = 1
      where id in (select id from generated_images order by id limit 2) returning id
    )
    update lanes set waiting = 1 where exists (select from out)`);
  // Nothing more goes out, and what is out may begin.
  await stack.sql('update settings set max_concurrency = 2; delete from pauses');
  await stack.sql(
    `select public.claim_generation((select min(id::text)::uuid from generated_images), $1, $2)`,
    [randomUUID(), randomUUID()],
  );

  const { waiting, released, processing, mine } = await readQueue(token);

  assert.deepEqual([waiting, released, processing], [1, 1, 1]);
  assert.deepEqual([mine.waiting, mine.released, mine.processing, mine.queue_position], [1, 1, 1, 3]);
});

it('tells how long others waited lately, and when an image of the default model would be ready', async () => {
  const { token } = await stack.createUser();
  await addWorker(2);
  const { body: options } = await createApiClient(url).get('/ai/options');
  const done = (count: number, waited: number, endedAgo: string) =>
    stack.sql(
      `insert into generated_images (prompt, full_prompt, image_url, model, resolution, created_at, started_at, completed_at, root_id)
       select 'p', 'p', 'u', $1, '1K', e.at - make_interval(secs => 8 + $2), e.at - interval '8 seconds', e.at, gen_random_uuid()
       from generate_series(1, $3) n, (select now() - $4::interval as at) e`,
      [options.default_model, waited, count, endedAgo],
    );
  await done(3, 500, '2 hours');
  await done(19, 2, '1 minute');
  await done(1, 42, '2 minutes');

  const { wait, mine, state } = await readQueue(token);

  assert.deepEqual(
    { ...wait, p95_seconds: Math.round(wait.p95_seconds), p99_seconds: Math.round(wait.p99_seconds) },
    {
      images: 20,
      p50_seconds: 2,
      p95_seconds: 4,
      p99_seconds: 34,
    },
  );
  assert.deepEqual([mine.queue_position, mine.eta_seconds, state], [1, 8, 'running']);
});

it('tells whether it runs, and what holds it back, without the reasons of operators', async () => {
  const { token } = await stack.createUser();
  const states: string[] = [];
  const read = async () => {
    const queue = await readQueue(token);
    states.push(queue.state);
    return queue;
  };

  await read();
  await addWorker(0);
  await read();
  await addWorker(3);
  const running = await read();
  await stack.sql(`select public.pause_generations('model-a', null, 'a secret reason')`);
  await read();
  await stack.sql('delete from pauses');
  await stack.sql(`select public.hold_calls('project', 3600, 'quota')`);
  const throttled = await read();
  await pause();
  const paused = await read();

  assert.deepEqual(states, ['no_workers', 'no_workers', 'running', 'throttled', 'throttled', 'paused']);
  assert.deepEqual([running.workers, running.slots, running.holds], [1, 3, []]);
  assert.partialDeepStrictEqual(throttled.holds, [
    { scope: 'all', model: null, by: 'quota', state: 'paused' },
  ]);
  assert.ok(!JSON.stringify(paused).includes('secret'), JSON.stringify(paused));
});

it('is for callers who sign in where nobody else may call', async () => {
  assertProblem(await createApiClient(url).get('/ai/queue'), 401, 'unauthorized');
});

it('says so when the database cannot be asked', async () => {
  const away = await stack.startApi({ SUPABASE_URL: 'http://127.0.0.1:1' });

  const answer = await createApiClient(away.url, stack.serviceRoleKey).get('/ai/queue');

  assertProblem(answer, 503, 'temporarily_unavailable');
});
