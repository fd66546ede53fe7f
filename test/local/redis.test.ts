import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Redis } from 'ioredis';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { startRedis } from '../../src/local/redis.ts';
import { startWatchdog } from '../../src/local/watchdog-client.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const dataDir = join(makeTempFolder(), 'with a "quote"');
after(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));

test('Redis keeps its keys over a restart, also after a kill that tore its file', async () => {
  const first = await start();
  await first.use((redis) => redis.set('kept', 'yes'));
  await first.watchdog.stop();
  const folder = join(dataDir, 'redis', 'appendonlydir');
  const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof')) ?? '';
  appendFileSync(join(folder, file), '*3\r\n$3\r\nSET\r\n$4\r\nto');

  const second = await start();
  assert.equal(await second.use((redis) => redis.get('kept')), 'yes');
  assert.equal(
    await second.use((redis) => redis.config('GET', 'maxmemory-policy')).then(String),
    'maxmemory-policy,noeviction',
  );
  await second.watchdog.stop();
});

test('Redis answers nobody without its password', async () => {
  const { url, watchdog, use } = await start();
  const stranger = new Redis(url.replace(/:[^@/]*@/, ''), { lazyConnect: true, enableReadyCheck: false });
  stranger.on('error', () => undefined);
  await assert.rejects(stranger.get('kept'), /NOAUTH/);
  stranger.disconnect();
  assert.equal(await use((redis) => redis.ping()), 'PONG');
  await watchdog.stop();
});

async function start() {
  const logFolder = join(dataDir, 'logs');
  const [port = 0] = await findFreePorts(1);
  const watchdog = await startWatchdog({ runFolder: join(dataDir, 'run'), logFolder });
  const { url } = await startRedis({
    watchdog,
    dataDir,
    logFolder,
    port,
    password: 'secret',
    path: process.env.PATH ?? '',
    signal: new AbortController().signal,
  });
  const use = async <T>(work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(url);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };
  return { url, watchdog, use };
}
