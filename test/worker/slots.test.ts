import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSlots } from '../../src/worker/slots.ts';

const going = () => new AbortController().signal;

/** Work that goes on until it is told to end. */
function lasting() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const state = { begun: false, end: resolve };
  return Object.assign(state, {
    work: async () => {
      state.begun = true;
      await promise;
    },
  });
}
/** Whatever can happen by now has happened. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('no more is in work than there are slots, and what waits begins in its turn', async () => {
  const slots = createSlots(2);
  const jobs = [lasting(), lasting(), lasting(), lasting()];
  const begun = () => jobs.map((job) => job.begun);
  const runs = jobs.map(({ work }) => slots.use(going(), work));
  await settle();
  assert.deepEqual(begun(), [true, true, false, false]);
  assert.equal(slots.busy(), 2);

  jobs[1]?.end();
  await settle();
  assert.deepEqual(begun(), [true, true, true, false]);
  assert.equal(slots.busy(), 2);

  for (const { end } of jobs) end();
  await Promise.all(runs);
  assert.deepEqual([begun().at(-1), slots.busy()], [true, 0]);
});

test('work that fails frees its slot', async () => {
  const slots = createSlots(1);
  const failing = slots.use(going(), () => Promise.reject(new Error('broken')));
  const next = slots.use(going(), async () => 'made');

  await assert.rejects(failing, /broken/);
  assert.equal(await next, 'made');
});

test('what is stopped waits no longer, and keeps nobody from the slot', async () => {
  const slots = createSlots(1);
  const first = lasting();
  const running = slots.use(going(), first.work);
  const stop = new AbortController();
  const stopped = slots.use(stop.signal, async () => assert.fail('was begun'));
  const next = slots.use(going(), async () => 'made');

  stop.abort('lost');
  await assert.rejects(stopped, (error) => error === 'lost');
  await assert.rejects(
    slots.use(stop.signal, async () => assert.fail('was begun')),
    (error) => error === 'lost',
  );
  first.end();

  await running;
  assert.equal(await next, 'made');
  assert.equal(slots.busy(), 0);
});

test('closed slots are offered no more, and what waits for one is still made', async () => {
  const slots = createSlots(1);
  const first = lasting();
  const running = slots.use(going(), first.work);
  const waiting = slots.use(going(), async () => 'made');

  slots.close();

  assert.deepEqual([slots.count(), slots.busy()], [0, 1]);
  first.end();
  await running;
  assert.equal(await waiting, 'made');
});

test('jobs are one for each slot, and more of images that are made quickly', async () => {
  let now = 0;
  const slots = createSlots(8, () => now);
  /** Fills all slots so many times, each time with images that begin and end together. */
  const make = async (times: number, ms: number) => {
    for (let time = 0; time < times; time += 1) {
      const jobs = Array.from({ length: 8 }, lasting);
      const runs = jobs.map(({ work }) => slots.use(going(), work));
      await settle();
      now += ms;
      for (const { end } of jobs) end();
      await Promise.all(runs);
    }
    return slots.jobs();
  };

  assert.equal(slots.jobs(), 8);
  assert.equal(await make(4, 5_000), 8);
  assert.equal(await make(20, 200), 10);
  assert.equal(await make(20, 100), 12);
  assert.equal(await make(20, 10), 16);
  assert.equal(await make(1, 5_000), 8);
});
