import { Redis } from 'ioredis';
import type { FaultProxy } from '../test/support/fault-proxy.ts';
import type { TestStack } from '../test/support/test-stack.ts';
import { readCpuMs, readFamilyCpuMs } from './cpu-time.ts';

/** What has been asked of the parts of a deployment so far, or between two readings. Times in milliseconds of CPU. */
export type Costs = {
  /** Requests to Supabase by what they ask: the function's name, or Storage's method. */
  requests: Record<string, number>;
  redisCommands: number;
  redisMs: number;
  postgresMs: number | null;
  workerMs: number | null;
};

/** Reads counters that only ever grow. */
export function createReadCosts(deps: { stack: TestStack; proxy: FaultProxy; workerPid: number }) {
  const { stack, proxy, workerPid } = deps;
  const redis = new Redis(String(stack.env.REDIS_URL));
  const readCosts = async (): Promise<Costs> => {
    const info = await redis.info('all');
    const [backend] = await stack.sql<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
    const numberOf = (name: string) => Number(new RegExp(`^${name}:([0-9.]+)`, 'm').exec(info)?.[1] ?? 0);
    return {
      requests: countBy(proxy.requests.map(nameRequest)),
      redisCommands: numberOf('total_commands_processed'),
      redisMs: (numberOf('used_cpu_user') + numberOf('used_cpu_sys')) * 1_000,
      postgresMs: backend ? readFamilyCpuMs(backend.pid) : null,
      workerMs: readCpuMs(workerPid),
    };
  };
  return Object.assign(readCosts, { close: () => redis.disconnect() });
}

/** What was added between two readings, divided: by jobs, or by seconds. */
export function divideCosts(before: Costs, after: Costs, by: number): Costs {
  const part = (from: number, to: number) => (to - from) / by;
  const partOrNull = (from: number | null, to: number | null) =>
    from === null || to === null ? null : part(from, to);
  return {
    requests: Object.fromEntries(
      Object.entries(after.requests).map(([name, count]) => [name, part(before.requests[name] ?? 0, count)]),
    ),
    redisCommands: part(before.redisCommands, after.redisCommands),
    redisMs: part(before.redisMs, after.redisMs),
    postgresMs: partOrNull(before.postgresMs, after.postgresMs),
    workerMs: partOrNull(before.workerMs, after.workerMs),
  };
}

function nameRequest({ method, path }: { method: string; path: string }): string {
  const rpc = /^\/rest\/v1\/rpc\/(\w+)/.exec(path)?.[1];
  return rpc ?? `Storage ${method}${path.startsWith('/storage/v1/object/list') ? ' list' : ''}`;
}

function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
