import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { asksTo, type FaultProxy, type ProxiedRequest } from '../support/fault-proxy.ts';
import { type FaultStack, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const POINTS = {
  'a claim': asksTo('claim'),
  'a beat': ({ path }: ProxiedRequest) => path.endsWith('/rpc/beat_worker'),
  'a completion': asksTo('complete'),
};
type Point = keyof typeof POINTS;

/** From the first such request on, that one included, nobody reaches the database for so long. */
function goAwayAt(point: Point, ms: number, supabase: FaultProxy): Promise<void> {
  const back = Promise.withResolvers<void>();
  let away = false;
  supabase.decide((request) => {
    if (!away && POINTS[point](request)) {
      away = true;
      delay(ms).then(() => {
        supabase.passAll();
        back.resolve();
      });
    }
    return away ? 'cut' : 'pass';
  });
  return back.promise;
}

describe('a database that nobody reaches', { concurrency: 2 }, () => {
  const outages: [string, number][] = [
    ['a second', 1_000],
    ['twice the lease', 6_000],
  ];
  for (const [howLong, ms] of outages) {
    it(`for ${howLong}, from a claim, a beat or a completion on, lets nobody rob a living worker`, async (t) => {
      const stack = await startFaultStack(t, { proxied: true });
      await Promise.all([stack.startApi(), stack.startWorker(), stack.startWorker()]);
      for (const point of Object.keys(POINTS) as Point[]) await assertOneCallEach(stack, point, ms);
      await assertInvariants(stack);
    });
  }
});

/** Three images are in their calls when the outage begins, or get into it otherwise; a fourth is sent meanwhile. */
async function assertOneCallEach(stack: FaultStack, point: Point, ms: number): Promise<void> {
  const held = point === 'a beat';
  const back = held ? null : goAwayAt(point, ms, stack.supabase);
  const images = await stack.submitMany(3, held ? '[[sim:fault=hold:ok]]' : '');
  if (held) await Promise.all(images.map(({ key }) => stack.gemini.waitForCall(key)));
  await Promise.all([
    back ?? goAwayAt(point, ms, stack.supabase),
    stack.submitMany(1).then((more) => images.push(...more)),
  ]);
  stack.gemini.release();
  const rows = await stack.waitForEnd(...images.filter(({ status }) => status === 202));
  assert.deepEqual(
    rows.map(({ status }) => status),
    rows.map(() => 'succeeded'),
    point,
  );
  const calls = images.map(({ key }) => stack.gemini.callsOf(key).started);
  assert.ok(Math.max(...calls) === 1, `${point}: calls of the images: ${calls}`);
}
