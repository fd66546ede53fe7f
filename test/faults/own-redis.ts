import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { startRedis } from '../../src/local/redis.ts';
import { createSecret } from '../../src/local/stack-settings.ts';
import { type RunningProcess, startWatchdog } from '../../src/local/watchdog-client.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

/** A Redis of one test's own, to be killed, frozen and emptied. */
export type OwnRedis = {
  url: string;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Comes back on the same port with what it had. */
  start(): Promise<void>;
  /** Comes back on the same port with nothing in it. */
  startEmpty(): Promise<void>;
  /** From now on it has no memory left for what writes, or has enough again. */
  setFull(full: boolean): Promise<void>;
  freeze(): void;
  thaw(): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
};

export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = makeTempFolder();
  const logFolder = join(folder, 'logs');
  const watchdog = await startWatchdog({ runFolder: join(folder, 'run'), logFolder, folderToRemove: folder });
  const [port = 0] = await findFreePorts(1);
  const password = createSecret();
  let starts = 0;
  let frozen = false;
  let running: RunningProcess;
  const start = async () => {
    starts += 1;
    // The watchdog knows its programs by name.
    const name = `redis-${starts}`;
    const redis = await startRedis({
      dataDir: folder,
      logFolder,
      port,
      password,
      path: process.env.PATH ?? '',
      signal: new AbortController().signal,
      watchdog: { start: (spec) => watchdog.start({ ...spec, name }) },
    });
    running = redis.process;
    return redis.url;
  };
  const thaw = () => {
    if (frozen) process.kill(running.pid, 'SIGCONT');
    frozen = false;
  };
  const url = await start();
  const command = async (...words: [string, ...string[]]) => {
    const client = new Redis(url);
    await client.call(...words).finally(() => client.disconnect());
  };

  return {
    url,
    async kill() {
      process.kill(running.pid, 'SIGKILL');
      await running.ended;
    },
    async start() {
      await start();
    },
    async startEmpty() {
      rmSync(join(folder, 'redis', 'appendonlydir'), { recursive: true, force: true });
      await start();
    },
    freeze() {
      frozen = true;
      process.kill(running.pid, 'SIGSTOP');
    },
    thaw,
    setFull: (full) => command('config', 'set', 'maxmemory', full ? '1' : '0'),
    flush: () => command('flushall'),
    async stop() {
      thaw();
      await watchdog.stop();
    },
  };
}
