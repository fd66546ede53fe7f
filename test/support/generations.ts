import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import type { NewGeneration, Status } from '../../src/shared/generation.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createJobQueue } from '../../src/shared/queue.ts';
import { createRelease } from '../../src/shared/release.ts';
import { createRpc } from '../../src/shared/rpc.ts';
import { createStore } from '../../src/shared/store.ts';
import { createSupabase } from '../../src/shared/supabase.ts';
import type { TestStack } from './test-stack.ts';

export const MODEL = 'gemini-nano-banana-2.1';

/** A row of `generated_images`, as the database's owner reads it. */
export type Row = Omit<NewGeneration, 'warnings'> & {
  status: Status;
  attempt: number;
  failures: number;
  billable_calls: number;
  claim_id: string | null;
  worker_id: string | null;
  released_at: Date | null;
  not_before: Date | null;
  error_code: string | null;
  error: Record<string, unknown> | null;
  image_url: string | null;
  storage_path: string | null;
  thumbnail_path: string | null;
  mime_type: string | null;
  width: number | null;
  height: number | null;
  bytes: number | null;
  sha256: string | null;
  warnings: { code: string; message: string }[];
  usage: Record<string, number> | null;
  cost_usd: string | null;
  timings: Record<string, number> | null;
  started_at: Date | null;
};

export type Generations = {
  /** Submits a row, as an API does; the prompt's markers are counted by the simulator under the row's id. */
  submit(markers?: string, fields?: Partial<NewGeneration>): Promise<string>;
  submitMany(count: number, markers?: string, fields?: Partial<NewGeneration>): Promise<string[]>;
  row(id: string): Promise<Row>;
  /** Waits until the row is as `isThere` says, asking for releases meanwhile as busy APIs do. */
  waitUntil(id: string, isThere: (row: Row) => boolean): Promise<Row>;
  waitForStatus(id: string, status: Status): Promise<Row>;
  waitForEnd(id: string): Promise<Row>;
  waitForEnds(ids: string[]): Promise<Row[]>;
  /** Repeats an assertion until it holds; the last one that does not is thrown. */
  waitFor(assertion: () => Promise<void>): Promise<void>;
  /** Names of the objects in the row's folder. */
  objects(id: string, userId?: string | null): Promise<string[]>;
  /** How many calls of the row the simulator has seen start. */
  calls(id: string): number;
  stop(): Promise<void>;
};

const ENDED: Status[] = ['succeeded', 'failed', 'canceled', 'expired'];
const GIVE_UP_MS = 20_000;

/** Submits rows to a stack and watches what becomes of them. Stop it before the stack. */
export function createGenerations(
  stack: TestStack,
  { nudges = true }: { nudges?: boolean } = {},
): Generations {
  const log = createLogger('test', 'silent');
  const supabase = createSupabase(stack.supabaseUrl, stack.serviceRoleKey);
  const store = createStore(createRpc(supabase.client, log));
  const { REDIS_URL: redisUrl = '', QUEUE_PREFIX: prefix = '' } = stack.env;
  const queue = createJobQueue({ redisUrl, prefix, log });
  const release = createRelease({ store, queue, log });

  const submitMany: Generations['submitMany'] = async (count, markers = '', fields = {}) => {
    const items = Array.from({ length: count }, () => newGeneration(markers, fields));
    await store.submitGenerations(items, { repeatForMs: 0 });
    release.request();
    return items.map(({ id }) => id);
  };
  const row = async (id: string): Promise<Row> => {
    const [found] = await stack.sql<Row>('select * from public.generated_images where id = $1', [id]);
    if (!found) throw new Error(`There is no row ${id}`);
    return found;
  };
  const waitUntil: Generations['waitUntil'] = async (id, isThere) => {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      const now = await row(id);
      if (isThere(now)) return now;
      if (performance.now() > giveUpAt) throw new Error(`${id} does not get there: ${JSON.stringify(now)}`);
      if (nudges) release.request();
      await delay(20);
    }
  };
  const waitFor: Generations['waitFor'] = async (assertion) => {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      try {
        return await assertion();
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
      }
      await delay(20);
    }
  };
  const waitForEnd = (id: string) => waitUntil(id, ({ status }) => ENDED.includes(status));

  return {
    submitMany,
    submit: async (markers, fields) => (await submitMany(1, markers, fields))[0] ?? '',
    row,
    waitUntil,
    waitFor,
    waitForEnd,
    waitForStatus: (id, status) => waitUntil(id, (now) => now.status === status),
    waitForEnds: (ids) => Promise.all(ids.map(waitForEnd)),
    async objects(id, userId = null) {
      const bucket = stack.supabase.storage.from('generated-images');
      const { data, error } = await bucket.list(`${userId ?? 'anonymous'}/${id}`);
      if (error) throw error;
      return data.map(({ name }) => name).sort();
    },
    calls: (id) => stack.gemini.control.callsOf(id).started,
    async stop() {
      await release.idle();
      await queue.close();
      await supabase.close();
    },
  };
}

/** Draws a small picture at once unless the markers say otherwise. */
function newGeneration(markers: string, fields: Partial<NewGeneration>): NewGeneration {
  const id = fields.id ?? uuidv7();
  return {
    id,
    user_id: null,
    lane_key: `test:${randomUUID()}`,
    prompt: 'Modern coffee shop interior',
    full_prompt: `Modern coffee shop interior [[sim:bytes=1024; key=${id}]] ${markers}`,
    dataset_id: null,
    style: null,
    aspect_ratio: null,
    quality: 'standard',
    format: null,
    resolution: '1K',
    reference_images: [],
    unique_visual_elements: null,
    model: MODEL,
    metadata: {},
    estimated_cost_usd: 0.0336,
    deadline_seconds: 600,
    ...fields,
  };
}
