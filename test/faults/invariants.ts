import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Row } from '../support/generations.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, hasEnded } from './fault-stack.ts';

const BUCKET = 'generated-images';
const MOST_BILLED = 2;
const I1_WITHIN_MS = 30_000;

type StoredObject = { path: string; createdAt: number };

/**
 * Holds everything that a stack was asked for to the promises I1 to I7. `overlapping`: keys of which a frozen worker's
 * call may still have been open when another one made its own.
 */
export async function assertInvariants(
  stack: FaultStack,
  { overlapping = [] }: { overlapping?: string[] } = {},
): Promise<void> {
  const rows = await waitForAllEnded(stack);
  await cleanUpStorage(stack);
  const objects = await listObjects(stack);
  for (const row of rows) {
    await assertOneTerminalEvent(stack, row);
    await assertImage(row, objects);
    assertCalls(stack, row, objects, overlapping);
  }
  assertNoStrayObject(rows, objects);
  await assertToldTruth(stack, rows);
  stack.monitor.assertBounded();
}

/** I1: every accepted image ends, and every 202 has its row. */
async function waitForAllEnded({ base, told }: FaultStack): Promise<Row[]> {
  const read = () => base.sql<Row>('select * from public.generated_images order by id');
  await waitFor('every row to end', async () => (await read()).every(hasEnded), I1_WITHIN_MS).catch(
    async (error: Error) => {
      const open = (await read()).filter((row) => !hasEnded(row));
      assert.fail(`I1: ${error.message}: ${JSON.stringify(open)}`);
    },
  );
  const rows = await read();
  const ids = new Set(rows.map(({ id }) => id));
  assert.deepEqual(
    told.filter(({ status, id }) => status === 202 && !ids.has(id ?? '')),
    [],
    'I1: an accepted image has no row',
  );
  return rows;
}

/** Lets the clean-up that is planned for later come now, by a worker whose reconcile rounds follow quickly. */
async function cleanUpStorage({ base, env }: FaultStack): Promise<void> {
  const { REDIS_URL = '' } = env;
  const worker = await base.startWorker({ REDIS_URL, RECONCILE_EVERY_MS: '10', WORKER_CONCURRENCY: '1' });
  await waitFor('the clean-up of Storage', async () => {
    await base.sql('update public.storage_cleanup set due_at = now() where due_at > now()');
    return (await base.sql('select 1 from public.storage_cleanup')).length === 0;
  });
  await worker.stop();
}

async function listObjects({ base }: FaultStack): Promise<StoredObject[]> {
  const bucket = base.supabase.storage.from(BUCKET);
  const list = async (folder: string): Promise<StoredObject[]> => {
    const { data, error } = await bucket.list(folder, { limit: 1_000 });
    if (error) throw error;
    const found = data.map(async ({ id, name, created_at }) => {
      const path = folder === '' ? name : `${folder}/${name}`;
      return id === null ? list(path) : [{ path, createdAt: Date.parse(String(created_at)) }];
    });
    return (await Promise.all(found)).flat();
  };
  return list('');
}

/** I5: one end a row, and nothing after it. */
async function assertOneTerminalEvent({ base }: FaultStack, row: Row): Promise<void> {
  const events = await base.sql<{ to_status: Row['status'] }>(
    'select to_status from public.generation_events where image_id = $1 order by id',
    [row.id],
  );
  const ends = events.filter(({ to_status: status }) => hasEnded({ status }));
  assert.deepEqual(ends, events.slice(-1), `I5: ${row.id} went through ${JSON.stringify(events)}`);
  assert.equal(ends[0]?.to_status, row.status, `I5: ${row.id}`);
}

/** I2: a succeeded row has one object, which is what the row says. */
async function assertImage(row: Row, objects: StoredObject[]): Promise<void> {
  if (row.status !== 'succeeded') return;
  const own = objects.filter(({ path }) => path.includes(`/${row.id}/`)).map(({ path }) => path);
  assert.deepEqual(own, [row.storage_path], `I2: the objects of ${row.id}`);
  const answer = await fetch(String(row.image_url));
  const bytes = Buffer.from(await answer.arrayBuffer());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  assert.deepEqual([answer.status, bytes.length, sha256], [200, row.bytes, row.sha256], `I2: ${row.id}`);
}

/** I3: what was paid. A call that started once an image lay there was for nothing. */
function assertCalls(stack: FaultStack, row: Row, objects: StoredObject[], overlapping: string[]): void {
  const key = keyOf(row);
  const { billed, maybe_billed: maybeBilled, max_open: maxOpen, calls } = stack.gemini.callsOf(key);
  const paid = billed + maybeBilled;
  assert.ok(paid <= MOST_BILLED, `I3: ${row.id} may have been billed ${paid} times`);
  assert.ok(paid <= row.billable_calls, `I3: ${row.id} counts ${row.billable_calls} calls of ${paid}`);
  if (!overlapping.includes(key)) assert.ok(maxOpen <= 1, `I3: ${row.id} had ${maxOpen} calls at once`);
  const stored = objects.filter(({ path }) => path.includes(`/${row.id}/`)).map((object) => object.createdAt);
  const late = calls.filter((call) => Date.parse(call.started_at) > Math.min(...stored));
  assert.deepEqual(late, [], `I3: ${row.id} was called for when its image was stored`);
}

const keyOf = ({ full_prompt }: Row) => /\bkey=([^;\]]*)/.exec(full_prompt)?.[1] ?? full_prompt;

/** I4: no object that no row names. */
function assertNoStrayObject(rows: Row[], objects: StoredObject[]): void {
  const named = new Set(rows.map((row) => row.storage_path));
  assert.deepEqual(
    objects.map(({ path }) => path).filter((path) => !named.has(path)),
    [],
    'I4: objects that no row names',
  );
}

/** I6: what clients were told and are told now is what the rows say. */
async function assertToldTruth({ base, env, told }: FaultStack, rows: Row[]): Promise<void> {
  const api = await base.startApi({ REDIS_URL: env.REDIS_URL ?? '' });
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const { id, key } of told) {
    if (id === null) continue;
    const row = byId.get(id);
    const answer = await fetch(`${api.url}/ai/generated-images/${id}`);
    const record = (await answer.json()) as { status: string; image_url: string | null };
    assert.deepEqual([record.status, record.image_url], [row?.status, row?.image_url ?? null], `I6: ${id}`);
    assert.ok(row?.full_prompt.includes(key), `I6: ${id} is not what was sent`);
  }
}
