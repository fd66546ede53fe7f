import { Redis } from 'ioredis';
import type pg from 'pg';
import type { Child } from './child.ts';
import { readFamilyCpuMs } from './cpu-time.ts';

/** Seconds of CPU to each second, by process; 1 is a whole core. */
export type CpuShares = Record<string, number>;

/** Answers what was used since the call before, of each process and of Postgres and Redis. Empty off Linux. */
export function createReadShares(deps: {
  children: Map<string, Child>;
  owner: pg.Pool;
  redisUrl: string;
}): () => Promise<CpuShares> {
  let before = new Map<string, number>();
  let beforeAt = performance.now();

  const read = async (): Promise<Map<string, number>> => {
    const used = new Map<string, number>();
    const add = (name: string, ms: number | null) => {
      if (ms !== null) used.set(name, (used.get(name) ?? 0) + ms);
    };
    for (const [name, child] of deps.children) add(name.split(' ')[0] ?? name, child.cpuMs());
    const { rows } = await deps.owner.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
    if (rows[0]) add('postgres', readFamilyCpuMs(rows[0].pid));
    add('redis', await readRedisMs(deps.redisUrl));
    add('benchmark', process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000);
    return used;
  };

  return async () => {
    const now = await read();
    const ms = performance.now() - beforeAt;
    const shares = [...now].map(([name, used]) => {
      const share = (used - (before.get(name) ?? 0)) / ms;
      return [name, Math.round(Math.max(0, share) * 100) / 100] as const;
    });
    before = now;
    beforeAt = performance.now();
    return Object.fromEntries(shares.filter(([, share]) => share > 0));
  };
}

async function readRedisMs(url: string): Promise<number> {
  const redis = new Redis(url);
  const info = await redis.info('cpu');
  redis.disconnect();
  const used = [...info.matchAll(/^used_cpu_(?:user|sys):([0-9.]+)/gm)].map(([, seconds]) => Number(seconds));
  return used.reduce((sum, seconds) => sum + seconds, 0) * 1_000;
}
