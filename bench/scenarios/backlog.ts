import { randomUUID } from 'node:crypto';
import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { judge, median } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { seedWaiting } from '../seed-rows.ts';
import { sendSubmits } from './submit.ts';

const SLOTS = 64;

export const backlog: Scenario = {
  name: 'backlog',
  about:
    'submits, releases and claims with 1,000,000 images of 10,000 callers waiting; floor: with none, or 4,000 of 10',
  async run({ quick, repeats }, say) {
    const small = await startBenchStack();
    const large = await startBenchStack();
    try {
      await seedWaiting(small, { count: 4_000, users: 10 });
      await seedWaiting(large, { count: quick ? 20_000 : 1_000_000, users: quick ? 1_000 : 10_000 });
      say('backlog: written');
      const statements = { small: [] as Turn[], large: [] as Turn[] };
      for (const stack of [small, large]) await enrollWorker(stack);
      for (let n = 0; n < (quick ? 20 : 150); n++) {
        statements.small.push(await takeTurn(small));
        statements.large.push(await takeTurn(large));
      }
      const measured = (['release', 'claim'] as const).map((name) =>
        judge({
          name: `${name} with a backlog`,
          value: median(statements.large.slice(10).map((turn) => turn[name])),
          floor: median(statements.small.slice(10).map((turn) => turn[name])),
          unit: 'ms',
          target: { at_most: 1.25 },
        }),
      );
      const rates = { none: [] as number[], large: [] as number[] };
      await small.sql('truncate public.generated_images, public.lanes, public.generation_events');
      const [apis, users] = [
        [await small.startApi(), await large.startApi()],
        [await small.createUser(), await large.createUser()],
      ];
      for (let n = 0; n <= repeats; n++) {
        for (const [at, name] of (['none', 'large'] as const).entries()) {
          const { requestsPerSecond } = await sendSubmits(
            apis[at]?.url ?? '',
            users[at]?.token ?? '',
            quick ? 2 : 6,
          );
          if (n > 0) rates[name].push(requestsPerSecond);
        }
      }
      const submits = { value: median(rates.large), floor: median(rates.none) };
      const target = { at_least: 0.8 };
      return [judge({ name: 'submit with a backlog', ...submits, unit: 'requests/s', target }), ...measured];
    } finally {
      await large.stop();
      await small.stop();
    }
  },
};

type Turn = { release: number; claim: number };
const WORKER_ID = randomUUID();

const enrollWorker = (stack: BenchStack) =>
  stack.sql(
    `insert into public.workers (id, host, concurrency, beat_at) values ($1, 'bench', $2, now() + interval '1 hour')`,
    [WORKER_ID, SLOTS],
  );

/** One release of what has room, and the claims of what it handed out; then those rows end, which makes room again. */
async function takeTurn(stack: BenchStack): Promise<Turn> {
  const from = performance.now();
  const [answer] = await stack.sql<{ released: { jobs: { id: string }[] } }>(
    'select public.release_generations() as released',
  );
  const release = performance.now() - from;
  const jobs = answer?.released.jobs ?? [];
  const taken = jobs.slice(0, 16);
  const claims: number[] = [];
  for (const { id } of taken) {
    const claimedFrom = performance.now();
    await stack.sql('select public.claim_generation($1, $2, $3)', [id, WORKER_ID, randomUUID()]);
    claims.push(performance.now() - claimedFrom);
  }
  await stack.sql(
    `update public.generated_images set status = 'canceled', completed_at = now() where id = any ($1)`,
    [taken.map(({ id }) => id)],
  );
  return { release, claim: claims.length > 0 ? median(claims) : Number.NaN };
}
