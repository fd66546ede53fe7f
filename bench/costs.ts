import { setTimeout as delay } from 'node:timers/promises';
import { createDarkroomClient } from '../src/client/client.ts';
import { startFaultProxy } from '../test/support/fault-proxy.ts';
import { startTestStack, type TestStack } from '../test/support/test-stack.ts';
import { startWorkerProcess } from '../test/support/worker-process.ts';
import { type Costs, createReadCosts, divideCosts } from './measure-costs.ts';

const JOBS = 240;
const CONCURRENCY = 8;
/** Long enough for jobs to end one by one, as they do in production: nothing is done for many at once. */
const CALL_MS = 500;
const IDLE_SECONDS = 30;
/** The tests run ten times quicker. */
const PRODUCTION_TIMERS = {
  RELEASE_EVERY_MS: '1000',
  RECONCILE_EVERY_MS: '5000',
  JOB_LOCK_MS: '30000',
  JOB_STALLED_CHECK_MS: '10000',
  EXPIRE_EVERY_MS: '5000',
};

/** What one job, and one idle worker for a second, asks of Supabase, Redis and Postgres: what docs/scaling.md counts with. */
export async function measureCosts(print: (line: string) => void): Promise<void> {
  const stack = await startTestStack({ leaseSeconds: 30 });
  const proxy = await startFaultProxy(stack.supabaseUrl);
  stack.gemini.control.setDefaults({ latency_ms: CALL_MS });
  const worker = startWorkerProcess({
    ...stack.env,
    ...PRODUCTION_TIMERS,
    SUPABASE_URL: proxy.url,
    WORKER_CONCURRENCY: `${CONCURRENCY}`,
    LOG_LEVEL: 'info',
  });
  const readCosts = createReadCosts({ stack, proxy, workerPid: Number(worker.child.pid) });
  try {
    await worker.waitForLine('worker.started');
    const api = await stack.startApi(PRODUCTION_TIMERS);
    const { token } = await stack.createUser();
    const client = createDarkroomClient({ baseUrl: api.url, token });
    const submitAll = (count: number) =>
      Promise.all(Array.from({ length: count }, () => client.submit({ prompt: 'A red bicycle' })));
    for (const { id } of await submitAll(CONCURRENCY)) await client.wait(id);

    const beforeIdle = await readCosts();
    await delay(IDLE_SECONDS * 1_000);
    const idle = divideCosts(beforeIdle, await readCosts(), IDLE_SECONDS);
    printCosts(print, `One idle worker, each second (over ${IDLE_SECONDS} s)`, idle);

    const accepted = await submitAll(JOBS);
    const [before, began] = [await readCosts(), performance.now()];
    await untilEnded(stack);
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    const title = `One job (${JOBS} of them in ${seconds} s, ${CONCURRENCY} at once, ${CALL_MS} ms a call), with what an idle worker asks`;
    printCosts(print, title, divideCosts(before, await readCosts(), accepted.length));
  } finally {
    readCosts.close();
    worker.child.kill();
    await worker.exitCode;
    await proxy.close();
    await stack.stop();
  }
}

/** Looked up seldom and in the database: polls would be counted. */
async function untilEnded(stack: TestStack): Promise<void> {
  const left = `select count(*)::integer as left from public.generated_images where status in ('pending', 'processing')`;
  while ((await stack.sql<{ left: number }>(left))[0]?.left) await delay(500);
}

function printCosts(print: (line: string) => void, title: string, costs: Costs): void {
  print(`## ${title}`);
  const named = Object.entries(costs.requests).filter(([, count]) => count > 0);
  for (const [name, count] of named.toSorted(([, a], [, b]) => b - a))
    print(`${name.padEnd(34)}${count.toFixed(2)}`);
  const all = named.reduce((sum, [, count]) => sum + count, 0);
  print(`${'all requests to Supabase'.padEnd(34)}${all.toFixed(2)}`);
  print(`${'Redis commands'.padEnd(34)}${costs.redisCommands.toFixed(1)}`);
  const cpu = { Redis: costs.redisMs, Postgres: costs.postgresMs, worker: costs.workerMs };
  for (const [name, ms] of Object.entries(cpu))
    print(`${`CPU of ${name}, ms`.padEnd(34)}${ms === null ? 'not known here' : ms.toFixed(2)}`);
  print('');
}
