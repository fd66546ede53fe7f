import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { callFunction, type SqlDatabase } from './sql-database.ts';
import {
  type ClaimedRow,
  DEAD,
  ERROR,
  type Held,
  type Item,
  newImage,
  newItem,
  type Released,
  type Row,
} from './sql-rows.ts';

type MadeHeld = Held & { image?: Record<string, unknown> };
type Claimed = { claimed: ClaimedRow[]; rest: string[] };
type Completed = { completed: { claim_id: string; timings: Record<string, number> }[]; rest: string[] };
type Caller = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

const imagesJson = (images: MadeHeld[]) =>
  JSON.stringify(images.map(({ image, ...held }) => ({ ...held, image: newImage(held.id, image) })));

/** The SQL functions with the arguments that most tests do not care about filled in. */
export function createGenerations(db: SqlDatabase) {
  const submit = async (items: Item[], client: Caller = db.service): Promise<Row[]> =>
    (await callFunction<Row[]>(client, 'submit_generations', { p_items: JSON.stringify(items) }))[0] ?? [];
  const release = async (client: Caller = db.service, args = {}): Promise<Released> =>
    (await callFunction<Released>(client, 'release_generations', args))[0] as Released;
  const claim = async (id: string, workerId: string, claimId: string, client: Caller = db.service) =>
    (
      await callFunction<ClaimedRow>(client, 'claim_generation', {
        p_id: id,
        p_worker_id: workerId,
        p_claim_id: claimId,
      })
    )[0];
  const complete = async (id: string, claimId: string, image = {}, client: Caller = db.service) =>
    (
      await callFunction<Row>(client, 'complete_generation', {
        p_id: id,
        p_claim_id: claimId,
        p_image: JSON.stringify(newImage(id, image)),
      })
    )[0];
  const claimTogether = async (workerId: string, claims: Held[], client: Caller = db.service) =>
    (
      await callFunction<Claimed>(client, 'claim_generations', {
        p_worker_id: workerId,
        p_claims: JSON.stringify(claims),
      })
    )[0] ?? { claimed: [], rest: [] };
  const completeTogether = async (images: MadeHeld[], client: Caller = db.service) =>
    (await callFunction<Completed>(client, 'complete_generations', { p_images: imagesJson(images) }))[0] ?? {
      completed: [],
      rest: [],
    };
  const completeAndClaim = async (workerId: string, images: MadeHeld[], claims: Held[]) =>
    (
      await callFunction<{ completed: Completed; claimed: Claimed }>(
        db.service,
        'complete_and_claim_generations',
        { p_worker_id: workerId, p_images: imagesJson(images), p_claims: JSON.stringify(claims) },
      )
    )[0] ?? { completed: { completed: [], rest: [] }, claimed: { claimed: [], rest: [] } };
  const fail = async (id: string, claimId: string, report = {}, client: Caller = db.service) =>
    (
      await callFunction<Row>(client, 'fail_generation', {
        p_id: id,
        p_claim_id: claimId,
        p_error: JSON.stringify(ERROR),
        p_billed: true,
        ...report,
      })
    )[0];
  const giveBack = async (id: string, claimId: string, report = {}, client: Caller = db.service) =>
    (
      await callFunction<Row>(client, 'return_generation', {
        p_id: id,
        p_claim_id: claimId,
        p_failure: false,
        p_billed: false,
        p_delay_ms: 0,
        ...report,
      })
    )[0];
  const beat = async (workerId: string, held: Held[] = [], concurrency = 4, client: Caller = db.service) =>
    (
      await callFunction<{ lease_ms: number; stop: (Held & { reason: string })[] }>(client, 'beat_worker', {
        p_worker_id: workerId,
        p_host: 'test',
        p_concurrency: concurrency,
        p_held: JSON.stringify(held),
      })
    )[0];

  return {
    submit,
    release,
    claim,
    claimTogether,
    complete,
    completeTogether,
    completeAndClaim,
    fail,
    giveBack,
    beat,
    expire: async (client: Caller = db.service) =>
      (await callFunction<number>(client, 'expire_generations'))[0] ?? 0,

    /** A worker that beats now; with `unbroken` it has done so for long enough to judge others. */
    async addWorker({ concurrency = 4, unbroken = false } = {}): Promise<string> {
      const id = randomUUID();
      await beat(id, [], concurrency);
      if (unbroken) await agePast(id, 'unbroken_since');
      return id;
    },
    /** The worker's last beat becomes older than the lease. */
    kill: (workerId: string) => agePast(workerId, 'beat_at'),

    /** The row's last change becomes an hour old; without the trigger, which would make that a change of now. */
    async settle(id: string): Promise<void> {
      await db.sql(`
        begin;
        set local session_replication_role = replica;
        update public.generated_images set updated_at = now() - interval '1 hour' where id = '${id}';
        commit`);
    },

    /** A pending row that waits, or with `released` one that is out. */
    async addPending({ released = false, ...fields }: Record<string, unknown> = {}): Promise<string> {
      const item = newItem(fields);
      await submit([item]);
      if (released) await markReleased(item.id);
      return item.id;
    },
    addProcessing,
    /** A processing row with so many attempts, the last of which holds it. */
    async addProcessingAgain(attempts: number, fields: Record<string, unknown> = {}) {
      let held = await addProcessing(fields);
      for (let n = 1; n < attempts; n += 1) {
        await giveBack(held.id, held.claimId, { p_billed: true });
        await markReleased(held.id);
        held = { ...held, claimId: randomUUID() };
        await claim(held.id, held.workerId, held.claimId);
      }
      return held;
    },
    markReleased,
    requestCancel: (id: string) =>
      db.sql('update public.generated_images set cancel_requested_at = now() where id = $1', [id]),
    passDeadline: (id: string) =>
      db.sql(`update public.generated_images set deadline_at = now() - interval '1 second' where id = $1`, [
        id,
      ]),

    async row(id: string): Promise<Row | undefined> {
      const rows = await db.sql<{ row: Row }>(
        'select to_jsonb(g) as row from public.generated_images g where id = $1',
        [id],
      );
      return rows[0]?.row;
    },
    events: (id: string) =>
      db.sql<{
        from_status: string | null;
        to_status: string;
        attempt: number;
        worker_id: string | null;
        error_code: string | null;
        error: unknown;
      }>(
        `select from_status, to_status, attempt, worker_id, error_code, error from public.generation_events
         where image_id = $1 order by id`,
        [id],
      ),
    /** Rows waiting, as the lanes count them. */
    async waiting(laneKey: string, model = 'model-a'): Promise<number | undefined> {
      const rows = await db.sql<{ waiting: number }>(
        'select waiting from public.lanes where lane_key = $1 and model = $2',
        [laneKey, model],
      );
      return rows[0]?.waiting;
    },
    /** Back to a database without rows, workers, lanes or holds. */
    async clear(): Promise<void> {
      await db.sql(`delete from public.generated_images; delete from public.storage_cleanup;
        delete from public.lanes; delete from public.workers; delete from public.pauses`);
    },
  };

  async function addProcessing(fields: Record<string, unknown> = {}) {
    const { worker = randomUUID(), ...rest } = fields;
    const item = newItem(rest);
    const claimId = randomUUID();
    await submit([item]);
    await markReleased(item.id);
    await claim(item.id, worker as string, claimId);
    return { id: item.id, claimId, workerId: worker as string };
  }

  /** What release does to one row. */
  async function markReleased(id: string): Promise<void> {
    await db.sql(
      `with released as (
         update public.generated_images
         set released_at = now(), release_epoch = release_epoch + 1, not_before = null
         where id = $1 returning lane_key, model
       )
       update public.lanes l set waiting = greatest(waiting - 1, 0) from released r
       where l.lane_key = r.lane_key and l.model = r.model`,
      [id],
    );
  }

  async function agePast(workerId: string, column: 'beat_at' | 'unbroken_since'): Promise<void> {
    await db.sql(`update public.workers set ${column} = now() - interval '${DEAD}' where id = $1`, [
      workerId,
    ]);
  }
}

export type Generations = ReturnType<typeof createGenerations>;
