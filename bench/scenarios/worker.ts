import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { interleave, judge } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { seedWaiting } from '../seed-rows.ts';

const CONCURRENCY = 16;

/** Its floor moves by a third from one run of a few seconds to the next, so there are more of them than of other figures. */
const REPEATS = 5;

export const worker: Scenario = {
  name: 'worker',
  about: `one worker, ${CONCURRENCY} at once, images of 1 KB without latency; floor: a loop of call and upload by both SDKs`,
  async run({ quick }, say) {
    const images = quick ? 200 : 4_000;
    const stack = await startBenchStack();
    try {
      await stack.setGemini({ bytes: 1_024 });
      let cpu = {};
      const rates = await interleave(quick ? 1 : REPEATS, {
        floor: async () => {
          const floor = await loopRate(stack, images);
          say(`loop: ${floor.toFixed(1)} images a second`);
          return floor;
        },
        value: async () => {
          const value = await workerRate(stack, images, async () => {
            cpu = await stack.readShares();
          });
          say(`worker: ${value.toFixed(1)} images a second`);
          return value;
        },
      });
      const target = { at_least: 0.6 };
      return [judge({ name: 'worker', ...rates, unit: 'images/s', target, cpu })];
    } finally {
      await stack.stop();
    }
  },
};

/** By the database's own times, from the first claim to the last end. */
async function workerRate(stack: BenchStack, images: number, atEnd: () => Promise<void>): Promise<number> {
  await stack.sql('truncate public.generated_images, public.lanes, public.generation_events');
  await seedWaiting(stack, { count: images, users: 20 });
  await stack.readShares();
  const child = await stack.startWorker({ WORKER_CONCURRENCY: `${CONCURRENCY}`, LOG_LEVEL: 'info' });
  await waitUntilEnded(stack);
  await atEnd();
  await child.stop();
  const [row] = await stack.sql<{ seconds: number; succeeded: number }>(
    `select extract(epoch from max(completed_at) - min(started_at))::float8 as seconds,
       count(*) filter (where status = 'succeeded')::int as succeeded from public.generated_images`,
  );
  if (row?.succeeded !== images) throw new Error(`${row?.succeeded} of ${images} images succeeded`);
  return images / row.seconds;
}

async function loopRate(stack: BenchStack, images: number): Promise<number> {
  const child = stack.start('floor', 'bench/floors/loop-main.ts', {
    IMAGES: `${images}`,
    CONCURRENCY: `${CONCURRENCY}`,
  });
  const { rate } = await child.read((line) =>
    line.startsWith('{"rate"') ? (JSON.parse(line) as { rate: number }) : undefined,
  );
  return rate;
}

/** Looked up seldom: each look costs the database something. */
export async function waitUntilEnded(stack: BenchStack): Promise<void> {
  const active = `select exists (select from public.generated_images where status in ('pending', 'processing')) as active`;
  while ((await stack.sql<{ active: boolean }>(active))[0]?.active) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
