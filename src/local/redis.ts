import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ServerOptions } from './postgres.ts';
import { waitUntilReady } from './wait-until-ready.ts';
import type { RunningProcess } from './watchdog-client.ts';

/**
 * Starts the `redis-server` that `path` (a PATH) finds on 127.0.0.1 and waits until it answers. Its files lie in the folder `redis` of the
 * data folder. Returns its URL. Throws a StackError with the tail of its log when it does not come up.
 */
export async function startRedis(
  options: ServerOptions & { path: string },
): Promise<{ url: string; process: RunningProcess }> {
  const folder = join(options.dataDir, 'redis');
  const configFile = join(folder, 'redis.conf');
  mkdirSync(folder, { recursive: true });
  // In a file, because everybody on the machine may read the arguments of a process.
  writeFileSync(configFile, describeConfig({ ...options, folder }), { mode: 0o600 });
  const process = await options.watchdog.start({
    name: 'redis',
    command: 'redis-server',
    args: [configFile],
    env: { PATH: options.path, LC_ALL: 'C' },
    cwd: folder,
    logFile: join(options.logFolder, 'redis.log'),
    stop: { signal: 'SIGTERM', graceMs: 10_000, hurrySignal: 'SIGKILL' },
  });
  const url = `redis://:${options.password}@127.0.0.1:${options.port}`;
  await waitUntilReady({ process, check: () => answers(url), signal: options.signal });
  return { url, process };
}

function describeConfig({
  port,
  password,
  folder,
}: {
  port: number;
  password: string;
  folder: string;
}): string {
  return `${[
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${quote(folder)}`,
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    // A kill can tear the last command off; Redis then drops that command instead of refusing to start.
    'aof-load-truncated yes',
    'save ""',
    'maxmemory-policy noeviction',
  ].join('\n')}\n`;
}

/** Redis reads double quotes with C's escapes. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** False while Redis does not listen yet or still loads its file. */
async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
