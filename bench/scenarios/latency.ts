import { Redis } from 'ioredis';
import { createDarkroomClient } from '../../src/client/client.ts';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import { createStorage } from '../../src/shared/storage.ts';
import { createSupabase } from '../../src/shared/supabase.ts';
import { createGemini } from '../../src/worker/gemini.ts';
import { openImageFiles } from '../../src/worker/image-files.ts';
import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { judge, median } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { startFloorApi } from './submit.ts';

/** Of one image: writing the row, releasing it, claiming it, completing it. */
const CALLS_OF_DATABASE = 4;
/** Adding the job, waking the worker, and taking the job. */
const TRIPS_TO_REDIS = 3;

export const latency: Scenario = {
  name: 'latency',
  about:
    'one image at a time on an idle system, submit to succeeded; floor: the sum of the raw round trips on its path',
  async run({ quick }, say) {
    const stack = await startBenchStack();
    try {
      await stack.setGemini({ bytes: 1_024 });
      const { id: userId, token } = await stack.createUser();
      const api = await stack.startApi();
      await stack.startWorker();
      const client = createDarkroomClient({ baseUrl: api.url, token });
      const rounds = quick ? 10 : 60;
      const makeOne = async (): Promise<number> => {
        const { id } = await client.submit({ prompt: 'A red bicycle' });
        await client.wait(id);
        const [row] = await stack.sql<{ ms: number }>(
          `select extract(epoch from completed_at - created_at)::float8 * 1000 as ms
           from public.generated_images where id = $1 and user_id = $2 and status = 'succeeded'`,
          [id, userId],
        );
        if (!row) throw new Error('The image did not succeed.');
        return row.ms;
      };
      for (let n = 0; n < 10; n++) await makeOne();
      const trips = await createTrips(stack, token);
      const [whole, gemini, floors]: [number[], number[], number[]] = [[], [], []];
      for (let n = 0; n < rounds; n++) {
        whole.push(await makeOne());
        const trip = await trips.measure();
        gemini.push(trip.gemini);
        floors.push(trip.others);
      }
      await trips.close();
      const value = median(whole) - median(gemini);
      say(
        `latency: ${median(whole).toFixed(1)} ms in all, ${median(gemini).toFixed(1)} ms of it the simulator`,
      );
      const figure = { name: 'latency', value, floor: median(floors), unit: 'ms', target: { at_most: 3 } };
      return [judge(figure)];
    } finally {
      await stack.stop();
    }
  },
};

/** Each round trip on its own, with nothing to do at its other end. */
async function createTrips(stack: BenchStack, token: string) {
  await stack.sql(`create function public.nothing() returns integer language sql as 'select 1'`);
  const floor = await startFloorApi(stack);
  const supabase = createSupabase(stack.supabaseUrl, String(stack.env.SUPABASE_SERVICE_ROLE_KEY));
  const storage = createStorage(supabase.client, stack.supabaseUrl);
  const redis = new Redis(String(stack.env.REDIS_URL));
  const files = await openImageFiles();
  const { default: model } = createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined);
  const call = { apiKey: 'simulator', baseUrl: stack.geminiUrl, timeoutMs: 60_000, files };
  const gemini = createGemini(call);
  const order = {
    model,
    prompt: 'A red bicycle',
    references: [],
    aspectRatio: '1:1',
    resolution: '1K' as const,
  };
  const image = Buffer.alloc(1_024);
  let uploads = 0;

  const submit = () =>
    fetch(`${floor.url}/ai/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ prompt: 'A red bicycle' }),
    }).then((answer) => answer.text());
  const upload = () =>
    storage.uploadImage(
      `bench/${uploads++}.png`,
      { content: image, bytes: image.length },
      {
        model: model.id,
        mime_type: 'image/png',
        width: 1,
        height: 1,
        sha256: '',
        usage: null,
        cost_usd: 0,
        upstream_ms: 0,
        warnings: [],
      },
    );
  return {
    async measure() {
      const database = await timed(async () => {
        const { error } = await supabase.client.rpc('nothing');
        if (error) throw new Error(error.message);
      });
      const others =
        (await timed(submit)) +
        database * CALLS_OF_DATABASE +
        (await timed(() => redis.ping())) * TRIPS_TO_REDIS +
        (await timed(upload));
      const ofGemini = await timed(async () => {
        await (await gemini.generateImage(order, new AbortController().signal)).discard();
      });
      return { others, gemini: ofGemini };
    },
    async close() {
      redis.disconnect();
      await files.close();
      await supabase.close();
    },
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
