import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const GOOD = 5;

/** Whether one call to the database carried this image and a good one: there are two bad ones at a time. */
const sharedItsCall = ({ supabase }: FaultStack, key: string) =>
  supabase.requests
    .filter(({ path }) => path.endsWith('/rpc/submit_generations'))
    .map(({ body }) => (JSON.parse(String(body)) as { p_items: { prompt: string }[] }).p_items)
    .some((items) => items.length > 2 && items.some(({ prompt }) => prompt.includes(key)));

type Bad = { status: number; headers: Record<string, string> };

/** Sends a bad request among good ones and returns the key of the bad one. */
async function submitWithBad(stack: FaultStack, bad: Bad): Promise<string> {
  const [refused, ...accepted] = await Promise.all([
    stack.submit('', { headers: bad.headers }),
    ...Array.from({ length: GOOD }, () => stack.submit()),
  ]);
  assert.equal(refused.status, bad.status);
  assert.deepEqual(
    accepted.map(({ status }) => status),
    accepted.map(() => 202),
  );
  return refused.key;
}

/**
 * Two bad ones are sent at a time, until one has shared its call. The API is frozen while they come, and so finds all of them
 * together, however busy the machine is; only if some are late it takes another round.
 */
async function submitTogether(stack: FaultStack, api: FaultProcess, bad: Bad): Promise<void> {
  // Code that runs for the first time and connections that are being made would keep requests apart.
  await stack.submitMany(2 * (GOOD + 1));
  let keys: string[] = [];
  while (!keys.some((key) => sharedItsCall(stack, key))) {
    api.freeze();
    const sent = Promise.all([submitWithBad(stack, bad), submitWithBad(stack, bad)]);
    await delay(50);
    api.thaw();
    keys = await sent;
  }
}

/** Who was told 202 has its image, made by one call; nobody else has a row. */
async function assertOnlyTheGoodAreMade(stack: FaultStack, bad: Bad): Promise<void> {
  const good = stack.told.filter(({ status }) => status === 202);
  await Promise.all(good.map(({ key }) => stack.waitUntil(key, ({ status }) => status === 'succeeded')));
  assert.deepEqual(
    good.map(({ key }) => stack.gemini.callsOf(key).started),
    good.map(() => 1),
  );
  const all = await stack.base.sql('select 1 from public.generated_images');
  assert.equal(all.length, good.length, `a request that was refused (${bad.status}) has a row`);
  await assertInvariants(stack);
}

describe('requests that are written together', { concurrency: 2 }, () => {
  it('with one of a user who is gone are made once each, and that one leaves no row', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const token = await stack.base.signToken({ sub: randomUUID() });
    const gone = { status: 401, headers: { authorization: `Bearer ${token}` } };

    await submitTogether(stack, api, gone);

    await assertOnlyTheGoodAreMade(stack, gone);
  });

  it('with one whose key is just being written elsewhere are made once each, and that one leaves no row', async (t) => {
    const stack = await startFaultStack(t, { proxied: true });
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    const user = await stack.base.createUser();
    const key = randomUUID();
    const headers = { authorization: `Bearer ${user.token}`, 'idempotency-key': key };
    const letGo = await stack.base.holdOpen(
      `insert into public.idempotency_keys (scope, key, request_hash, image_id) values ($1, $2, '', $3)`,
      [`user:${user.id} /ai/generate`, key, randomUUID()],
    );

    const twin = { status: 409, headers };
    await submitTogether(stack, api, twin).finally(letGo);

    await assertOnlyTheGoodAreMade(stack, twin);
  });
});
