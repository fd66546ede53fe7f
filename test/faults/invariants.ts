import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { CallRecord } from '../../src/local/gemini/call-log.ts';
import type { Row } from '../support/generations.ts';
import { waitFor } from '../support/wait-for.ts';
import { type FaultStack, hasEnded } from './fault-stack.ts';
import { inParallel } from './in-parallel.ts';
import { cleanUpStorage, listObjects, type StoredObject } from './stored-objects.ts';

const MOST_BILLED = 2;

/** A promise that was not kept. `what` says of which image, and what was found. */
export type Breach = { invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8'; what: string };

type Options = {
  /** Whether these calls of one image may have been open at once: a frozen worker's call and that of another. */
  mayOverlap: (calls: CallRecord[]) => boolean;
  /** How long all that was accepted may still take to end. */
  endWithinMs: number;
};

/**
 * Holds everything that a stack was asked for to the promises I1 to I7. `overlapping`: keys of which a frozen worker's
 * call may still have been open when another one made its own.
 */
export async function assertInvariants(
  stack: FaultStack,
  { overlapping = [] }: { overlapping?: string[] } = {},
): Promise<void> {
  const mayOverlap = ([call]: CallRecord[]) => overlapping.includes(call?.key ?? '');
  assert.deepEqual(await findBreaches(stack, { mayOverlap, endWithinMs: 30_000 }), []);
}

/** All promises that a stack did not keep, once everything has ended. */
export async function findBreaches(
  stack: FaultStack,
  { mayOverlap, endWithinMs }: Options,
): Promise<Breach[]> {
  const { base, env, monitor } = stack;
  const lost = await findLost(stack, endWithinMs);
  await cleanUpStorage(base, env.REDIS_URL ?? '');
  const rows = await base.sql<Row>('select * from public.generated_images order by id');
  const objects = await listObjects(base);
  const ofRows = await inParallel(rows, async (row) => {
    const stored = objects.filter(({ path }) => path.includes(`/${row.id}/`));
    return [
      await findWrongImage(row, stored),
      findWrongCalls(stack, row, stored, mayOverlap),
      await findWrongEnd(stack, row),
    ].flat();
  });
  return [
    ...lost,
    ...ofRows.flat(),
    ...findStrayObjects(rows, objects),
    ...(await findLies(stack, rows)),
    ...monitor.crowds().map((what): Breach => ({ invariant: 'I7', what })),
  ];
}

/** I1: every accepted image ends, and every 202 has its row. */
async function findLost({ base, told }: FaultStack, endWithinMs: number): Promise<Breach[]> {
  const readOpen = () =>
    base.sql<Row>(`select * from public.generated_images where status in ('pending', 'processing')`);
  // Those that are still open then are what is reported.
  await waitFor('every row to end', async () => (await readOpen()).length === 0, endWithinMs).catch(
    () => undefined,
  );
  const workers = await base.sql('select now(), * from public.workers');
  const open = (await readOpen()).map(
    (row) => `does not end: ${JSON.stringify(row)}; workers: ${JSON.stringify(workers)}`,
  );
  const rows = await base.sql<Row>('select id from public.generated_images');
  const ids = new Set(rows.map(({ id }) => id));
  const gone = told
    .filter(({ status, id }) => status === 202 && !ids.has(id ?? ''))
    .map(({ id }) => `${id} was accepted and has no row`);
  return [...open, ...gone].map((what) => ({ invariant: 'I1', what }));
}

/** I5: one end a row, and nothing after it. */
async function findWrongEnd({ base }: FaultStack, row: Row): Promise<Breach[]> {
  const events = await base.sql<{ to_status: Row['status'] }>(
    'select to_status from public.generation_events where image_id = $1 order by id',
    [row.id],
  );
  const ends = events.filter(({ to_status: status }) => hasEnded({ status }));
  if (ends.length === 1 && events.at(-1)?.to_status === row.status) return [];
  const went = events.map(({ to_status }) => to_status).join(', ');
  return [{ invariant: 'I5', what: `${row.id} is ${row.status} and went through ${went}` }];
}

/** I2: a succeeded row has one object, which is what the row says, and at most a thumbnail beside it. */
async function findWrongImage(row: Row, stored: StoredObject[]): Promise<Breach[]> {
  if (row.status !== 'succeeded') return [];
  const paths = stored.map(({ path }) => path);
  const named = namedPaths(row);
  if (paths.toSorted().join() !== named.toSorted().join()) {
    return [{ invariant: 'I2', what: `${row.id} names ${named} and has ${paths}` }];
  }
  const answer = await fetch(String(row.image_url));
  const bytes = Buffer.from(await answer.arrayBuffer());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (answer.status === 200 && bytes.length === row.bytes && sha256 === row.sha256) return [];
  const what = `${row.id} is ${row.bytes} bytes of ${row.sha256}; read: ${answer.status}, ${bytes.length} of ${sha256}`;
  return [{ invariant: 'I2', what }];
}

/** I3: what was paid. A call that started once an image lay there was for nothing. */
function findWrongCalls(
  { gemini }: FaultStack,
  row: Row,
  stored: StoredObject[],
  mayOverlap: Options['mayOverlap'],
): Breach[] {
  const { billed, maybe_billed: maybeBilled, max_open: maxOpen, calls } = gemini.callsOf(keyOf(row));
  const paid = billed + maybeBilled;
  const storedAt = Math.min(...stored.map(({ createdAt }) => createdAt));
  const late = calls.filter((call) => Date.parse(call.started_at) > storedAt);
  const wrong: string[] = [];
  if (paid > MOST_BILLED) wrong.push(`may have been billed ${paid} times`);
  if (paid > row.billable_calls) wrong.push(`counts ${row.billable_calls} calls of ${paid}`);
  if (maxOpen > 1 && !mayOverlap(calls)) wrong.push(`had ${maxOpen} calls at once`);
  if (late.length > 0) wrong.push('was called for when its image was stored');
  return wrong.map((what) => ({ invariant: 'I3', what: `${row.id} ${what}: ${JSON.stringify(calls)}` }));
}

const keyOf = ({ full_prompt }: Row) => /\bkey=([^;\]]*)/.exec(full_prompt)?.[1] ?? full_prompt;

/** I4: no object that no row names. */
function findStrayObjects(rows: Row[], objects: StoredObject[]): Breach[] {
  const named = new Set(rows.flatMap(namedPaths));
  return objects
    .filter(({ path }) => !named.has(path))
    .map(({ path }) => ({ invariant: 'I4', what: `no row names ${path}` }));
}

/** Once where the image is its own thumbnail. */
const namedPaths = ({ storage_path, thumbnail_path }: Row): string[] => [
  ...new Set([storage_path, thumbnail_path].filter((path) => path !== null)),
];

/** I6: what clients were told and are told now is what the rows say. */
async function findLies({ base, env, told }: FaultStack, rows: Row[]): Promise<Breach[]> {
  const api = await base.startApi({ REDIS_URL: env.REDIS_URL ?? '' });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const lies = await inParallel(told, async ({ id, key, token }): Promise<Breach[]> => {
    const row = byId.get(id ?? '');
    if (id === null || !row) return [];
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    // A database that has just come back may still be too busy to answer in time, which is told, too.
    const answer = await waitFor('an answer of the API', async () => {
      const asked = await fetch(`${api.url}/ai/generated-images/${id}`, { headers });
      return asked.status !== 503 && asked;
    });
    const record = (await answer.json()) as { status: string; image_url: string | null };
    const isTrue =
      record.status === row.status && record.image_url === row.image_url && row.full_prompt.includes(key);
    const what = `${id}, sent as ${key}, is told as ${JSON.stringify(record)} and is ${JSON.stringify(row)}`;
    return isTrue ? [] : [{ invariant: 'I6', what }];
  });
  return lies.flat();
}
