import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { FaultStack } from '../faults/fault-stack.ts';
import type { Decide, Fate, ProxiedRequest } from '../support/fault-proxy.ts';
import type { Harm, MakeHarm } from './adversary.ts';

const isRpc = ({ path }: ProxiedRequest) => path.startsWith('/rest/');
const isStorage = ({ path }: ProxiedRequest) => path.startsWith('/storage/');

/** What is done to Redis, to the database and Storage behind Supabase, and to Gemini. */
export function createInfrastructureHarms(stack: FaultStack): MakeHarm[] {
  return [...redisHarms(stack), ...databaseHarms(stack), ...storageHarms(stack), ...geminiHarms(stack)];
}

function redisHarms({ ownRedis, leaseMs }: FaultStack): MakeHarm[] {
  const kill: MakeHarm = (random) =>
    lasting(`Redis: kill -9, back with nothing`, random.below(leaseMs), async (wait) => {
      await ownRedis.kill();
      await wait();
      await ownRedis.startEmpty();
    });
  const flush: MakeHarm = () => ({ what: 'Redis: FLUSHALL', run: ownRedis.flush });
  const freeze: MakeHarm = (random) =>
    lasting('Redis: frozen', random.below(leaseMs), async (wait) => {
      ownRedis.freeze();
      await wait();
      ownRedis.thaw();
    });
  const fill: MakeHarm = (random) =>
    lasting('Redis: out of memory', random.below(2_000), async (wait) => {
      const client = new Redis(ownRedis.url);
      await client.config('SET', 'maxmemory', '1');
      await wait();
      await client.config('SET', 'maxmemory', '0');
      client.disconnect();
    });
  return [kill, flush, freeze, fill];
}

function databaseHarms({ base, supabase, ownPostgres, leaseMs }: FaultStack): MakeHarm[] {
  const during = (what: string, ms: number, decide: Decide) => proxied(supabase, what, ms, decide);
  const away: MakeHarm = (random) =>
    during('database: nobody reaches it', random.below(2 * leaseMs), (request) =>
      isRpc(request) ? 'cut' : 'pass',
    );
  const losing: MakeHarm = (random) =>
    during('database: every third answer is lost', random.below(3_000), (request) =>
      isRpc(request) && random.chance(0.3) ? 'lose' : 'pass',
    );
  const halving: MakeHarm = (random) =>
    during('database: every third answer is cut short', random.below(3_000), (request) =>
      isRpc(request) && random.chance(0.3) ? 'halve' : 'pass',
    );
  const refusing: MakeHarm = (random) =>
    during('database: 503', random.below(leaseMs), (request) =>
      isRpc(request) ? { status: 503, body: '{"code":"PGRST001"}' } : 'pass',
    );
  const restart: MakeHarm = () => ({
    what: 'database: all connections ended by an administrator',
    run: async () => {
      await base.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name <> current_setting('application_name')`,
      );
    },
  });
  const kill: MakeHarm = (random) =>
    lasting('database: PostgreSQL killed', random.below(leaseMs), async (wait) => {
      await ownPostgres.kill();
      await wait();
      await ownPostgres.start();
    });
  const lock: MakeHarm = (random) =>
    lasting('database: generated_images locked', random.below(2_000), async (wait) => {
      const undo = await base.holdOpen(`lock table public.generated_images in access exclusive mode`);
      await wait();
      await undo();
    });
  return [away, losing, halving, refusing, kill, restart, lock];
}

function storageHarms({ supabase }: FaultStack): MakeHarm[] {
  const fates: [string, Fate][] = [
    ['503', { status: 503, body: '{"statusCode":"503","error":"Unavailable","message":"away"}' }],
    ['answers are lost', 'lose'],
    ['connections are cut', 'cut'],
  ];
  const failing = fates.map(
    ([what, fate]): MakeHarm =>
      (random) =>
        proxied(supabase, `Storage: ${what}`, random.below(3_000), (request) =>
          isStorage(request) && random.chance(0.7) ? fate : 'pass',
        ),
  );
  const slow: MakeHarm = (random) =>
    proxied(supabase, 'Storage: slow', random.below(3_000), (request) =>
      isStorage(request) ? delay(random.below(1_500), 'pass' as const) : 'pass',
    );
  return [...failing, slow];
}

function geminiHarms({ gemini }: FaultStack): MakeHarm[] {
  return ['503', '500', 'reset-before-headers', '429-minute:1s', 'text-only'].map(
    (fault): MakeHarm =>
      (random) =>
        lasting(`Gemini: ${fault} for everybody`, random.below(1_500), async (wait) => {
          gemini.setDefaults({ fault });
          await wait();
          gemini.setDefaults({});
        }),
  );
}

function proxied(supabase: FaultStack['supabase'], what: string, ms: number, decide: Decide): Harm {
  return lasting(what, ms, async (wait) => {
    supabase.decide(decide);
    await wait();
    supabase.passAll();
  });
}

function lasting(what: string, ms: number, run: (wait: () => Promise<unknown>) => Promise<void>): Harm {
  return { what: `${what}, for ${ms} ms`, run: () => run(() => delay(ms)) };
}
