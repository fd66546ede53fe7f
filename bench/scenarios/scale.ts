import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { judge } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { seedWaiting } from '../seed-rows.ts';
import { waitUntilEnded } from './worker.ts';

const WORKERS = 4;
const CONCURRENCY = 8;

export const scale: Scenario = {
  name: 'scale',
  about: `${WORKERS} workers of ${CONCURRENCY}, calls of 2 s; floor: one worker`,
  async run({ quick }, say) {
    const stack = await startBenchStack();
    try {
      await stack.setGemini({ bytes: 1_024, latency_ms: quick ? 500 : 2_000 });
      const rounds = quick ? 3 : 8;
      const one = await rateOf(stack, 1, rounds);
      const many = await rateOf(stack, WORKERS, rounds);
      say(`scale: ${one.toFixed(2)} and ${many.toFixed(2)} images a second`);
      const target = { at_least: 3.8 };
      return [judge({ name: '4 workers', value: many, floor: one, unit: 'images/s', target })];
    } finally {
      await stack.stop();
    }
  },
};

/** By the database's own times, from the first claim to the last end. */
async function rateOf(stack: BenchStack, workers: number, rounds: number): Promise<number> {
  await stack.sql('truncate public.generated_images, public.lanes, public.generation_events');
  const slots = workers * CONCURRENCY;
  const started = await Promise.all(
    Array.from({ length: workers }, () => stack.startWorker({ WORKER_CONCURRENCY: `${CONCURRENCY}` })),
  );
  await seedWaiting(stack, { count: slots * rounds, users: 20 });
  await waitUntilEnded(stack);
  await Promise.all(started.map((worker) => worker.stop()));
  const [row] = await stack.sql<{ seconds: number }>(
    `select extract(epoch from max(completed_at) - min(started_at))::float8 as seconds
     from public.generated_images where status = 'succeeded'`,
  );
  return (slots * rounds) / (row?.seconds ?? Number.NaN);
}
