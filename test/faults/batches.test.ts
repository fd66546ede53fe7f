import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { createDarkroomClient } from '../../src/client/client.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FaultProcess } from './fault-process.ts';
import { type FaultStack, startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

/** Of two calls alike the same, so that they are one request; each counted by the simulator under a key of its own. */
const itemsOf = (count: number, of: string) =>
  Array.from({ length: count }, (_, n) => ({ prompt: `A harbour [[sim:bytes=1024; key=${of}-${n}]]` }));

/** A user's client of one API, which is asked once and not again when it dies on the question. */
async function clientOf(api: FaultProcess, token: string) {
  const { url } = await api.waitForLine('api.started');
  return createDarkroomClient({ baseUrl: String(url), token });
}
const ONCE = { retryForMs: 0 };

const countRows = async ({ base }: FaultStack, condition: string) =>
  (
    await base.sql<{ n: number }>(
      `select count(*)::int as n from public.generated_images g where ${condition}`,
    )
  )[0]?.n;

describe('a batch whose API is killed', { concurrency: 2 }, () => {
  it('in the middle of its lines is not there, and repeated it is one', async (t) => {
    const stack = await startFaultStack(t);
    const { token } = await stack.base.createUser();
    const idempotencyKey = randomUUID();
    const first = await stack.startApi({ FAILPOINTS: 'api.after_batch_page' });
    await stack.startWorker();

    const broken = (await clientOf(first, token)).batches.createFromLines(itemsOf(1_001, idempotencyKey), {
      idempotencyKey,
      ...ONCE,
    });

    await assert.rejects(broken, TypeError);
    assert.equal((await first.ended).signal, 'SIGKILL');
    const second = await clientOf(await stack.startApi(), token);
    // The last page may have been on its way.
    assert.ok([1_000, 1_001].includes(Number(await countRows(stack, 'true'))));
    for await (const image of second.history()) assert.fail(`${image.id} shows`);
    for await (const batch of second.batches.list()) assert.fail(`${batch.id} shows`);

    const batch = await second.batches.createFromLines(itemsOf(1_001, idempotencyKey), { idempotencyKey });
    const again = await second.batches.createFromLines(itemsOf(1_001, idempotencyKey), { idempotencyKey });

    assert.deepEqual([again.id, batch.counts.total], [batch.id, 1_001]);
    await second.batches.cancel(batch.id);
    await second.batches.wait(batch.id);
    assert.equal(await countRows(stack, `g.batch_id <> '${batch.id}' and g.attempt > 0`), 0);
    await stack.base.sql(
      `update public.batches set created_at = now() - interval '2 hours' where sealed_at is null`,
    );
    await waitFor('what broke off to go', async () => {
      await stack.base.sql('select public.drop_unsealed_batches()');
      return (await countRows(stack, 'true')) === 1_001;
    });
    await assertInvariants(stack);
  });

  it('with its seal made but none of its images in line has each of them made once', async (t) => {
    const stack = await startFaultStack(t);
    const { token } = await stack.base.createUser();
    const idempotencyKey = randomUUID();
    const first = await stack.startApi({ FAILPOINTS: 'api.after_batch_seal' });

    const broken = (await clientOf(first, token)).batches.create(
      { items: itemsOf(5, idempotencyKey) },
      { idempotencyKey, ...ONCE },
    );

    await assert.rejects(broken, TypeError);
    assert.equal((await first.ended).signal, 'SIGKILL');
    assert.equal(await countRows(stack, `g.not_before = 'infinity'`), 5);
    await stack.startWorker();
    const second = await clientOf(await stack.startApi(), token);
    const { id } = await second.batches.create({ items: itemsOf(5, idempotencyKey) }, { idempotencyKey });
    const done = await second.batches.wait(id);
    assert.partialDeepStrictEqual(done, { status: 'completed', counts: { total: 5, succeeded: 5 } });
    assert.equal(await countRows(stack, 'g.billable_calls = 1'), 5);
    await waitFor('its end to be noted', async () => (await second.batches.get(id)).completed_at !== null);
    await assertInvariants(stack);
  });
});
