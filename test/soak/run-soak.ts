import { setTimeout as delay } from 'node:timers/promises';
import type { CallRecord } from '../../src/local/gemini/call-log.ts';
import { type FaultStack, startFaultStack } from '../faults/fault-stack.ts';
import { type Breach, findBreaches } from '../faults/invariants.ts';
import { createRandom } from '../support/random.ts';
import { findMiscounts, keepGoneImages } from '../support/sql-recount.ts';
import { type Adversary, startAdversary } from './adversary.ts';
import { createCallerHarms } from './caller-harm.ts';
import { createCallers } from './callers.ts';
import { type Crew, createCrew } from './crew.ts';
import { createInfrastructureHarms } from './infrastructure-harm.ts';
import { type Load, startLoad } from './load.ts';
import { createProcessHarms, type Freeze } from './process-harm.ts';
import { readVerdict, type Verdict } from './verdict.ts';

const LEASE_S = 5;
const QUIET_WITHIN_MS = 60_000;

export type SoakOptions = {
  minutes: number;
  /** Decides what is submitted and what harm is done. */
  seed: number;
  print: (line: string) => void;
  signal: AbortSignal;
};

/**
 * Load through two APIs and three workers, while adversaries harm processes, infrastructure and images at random; then
 * quiet, and the checker over everything. The last line printed is the verdict.
 */
export async function runSoak({ minutes, seed, print, signal }: SoakOptions): Promise<Verdict> {
  print(`seed ${seed}, ${minutes} minutes`);
  const cleanups: (() => Promise<void>)[] = [];
  const after = (cleanup: () => Promise<void>) => void cleanups.push(cleanup);
  try {
    const options = { redis: 'own', postgres: 'own', proxied: true, leaseSeconds: LEASE_S } as const;
    const stack = await startFaultStack({ after }, options);
    await keepGoneImages(stack.base.sql);
    return await soak(stack, { minutes, seed, print, signal });
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

async function soak(stack: FaultStack, { minutes, seed, print, signal }: SoakOptions): Promise<Verdict> {
  const startedAt = performance.now();
  const tell = (what: string) =>
    print(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)} s  ${what}`);
  const crew = await createCrew(stack, { apis: 2, workers: 3 });
  const callers = await createCallers(stack);
  const apiUrls = () => crew.apis.map(({ url }) => url);
  const load = startLoad({ apiUrls, callers, countOpen: () => countOpen(stack), random: createRandom(seed) });
  const freezes: Freeze[] = [];
  const harms = [
    createProcessHarms(crew, { leaseMs: stack.leaseMs, freezes }),
    createInfrastructureHarms(stack),
    createCallerHarms(stack, { callers, load, apiUrls }),
  ];
  const adversaries = harms.map((some, nth) => startAdversary({ seed: seed + nth + 1, harms: some, tell }));
  await delay(minutes * 60_000, undefined, { signal });

  await calm(adversaries, load);
  tell(`quiet; ${load.accepted.length} accepted`);
  stack.told.push(...load.told());
  const mayOverlap = (calls: CallRecord[]) => wereFrozen(calls, freezes);
  const breaches = await findBreaches(stack, { mayOverlap, endWithinMs: QUIET_WITHIN_MS });
  await crew.leave();
  const miscounts = await findMiscounts(stack.base.sql);
  breaches.push(...miscounts.map((what): Breach => ({ invariant: 'I8', what })));
  const verdict = await readVerdict(stack, { load, breaches, surprises: crew.surprises });
  for (const problem of verdict.problems) {
    print(problem);
    for (const line of linesAbout(problem, crew)) print(`  ${line}`);
  }
  print(verdict.ends.join(', '));
  print(verdict.line);
  return verdict;
}

/** No more harm, then no more load. */
async function calm(adversaries: Adversary[], load: Load): Promise<void> {
  await Promise.all(adversaries.map((one) => one.stop()));
  await load.stop();
}

/** What the processes logged about the image that a problem is about. */
function linesAbout(problem: string, crew: Crew): string[] {
  const [id] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(problem) ?? [];
  return id ? crew.linesOf(id) : [];
}

async function countOpen({ base }: FaultStack): Promise<number> {
  const [row] = await base.sql<{ open: number }>(
    `select count(*)::int as open from public.generated_images where status in ('pending', 'processing')`,
  );
  return row?.open ?? 0;
}

/** Whether a worker was frozen while one of the calls was open: then another worker may have made its own. */
function wereFrozen(calls: CallRecord[], freezes: Freeze[]): boolean {
  return calls.some(({ started_at, ended_at }) =>
    freezes.some(
      ({ from, until }) =>
        Date.parse(started_at) <= until && (ended_at === null || Date.parse(ended_at) >= from),
    ),
  );
}
