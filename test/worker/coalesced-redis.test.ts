import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { CoalescedRedis } from '../../src/shared/coalesced-redis.ts';
import { createTestRedis } from '../support/redis.ts';
import { startTcpProxy, throughProxy } from '../support/tcp-proxy.ts';

const { url, prefix } = createTestRedis();
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function connect(address = url): Promise<CoalescedRedis> {
  const redis = new CoalescedRedis(address, { retryStrategy: () => 10 });
  redis.on('error', () => undefined);
  cleanUps.push(() => redis.disconnect());
  await once(redis, 'ready');
  return redis;
}

/** How often the socket is given something to send, however much it is. */
function countWrites({ stream }: CoalescedRedis): () => number {
  let writes = 0;
  for (const name of ['_write', '_writev'] as const) {
    const write = stream[name]?.bind(stream) as (...args: unknown[]) => void;
    stream[name] = (...args: unknown[]) => {
      writes += 1;
      write(...args);
    };
  }
  return () => writes;
}

test('commands of one turn are one write, in their order and each with its own answer', async () => {
  const redis = await connect();
  const writes = countWrites(redis);

  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      await null;
      const pipeline = redis.pipeline().rpush(`${prefix}:list`, index).llen(`${prefix}:list`);
      const [length, list] = await Promise.all([redis.rpush(`${prefix}:list`, `${index}`), pipeline.exec()]);
      return [length, list?.[1]?.[1]];
    }),
  );

  assert.equal(writes(), 1);
  assert.deepEqual(
    answers,
    Array.from({ length: 20 }, (_, index) => [2 * index + 1, 2 * index + 2]),
  );
});

test('a command alone is sent without another', async () => {
  const redis = await connect();
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.ping(), 'PONG');
});

test('commands go on after the connection was cut in the middle of a turn', async () => {
  const proxy = await startTcpProxy({ host: new URL(url).hostname, port: Number(new URL(url).port) });
  cleanUps.push(() => proxy.close());
  const redis = await connect(throughProxy(url, proxy));

  const back = once(redis, 'ready');
  const cut = redis.set(`${prefix}:cut`, 'here').catch(() => undefined);
  redis.stream.destroy();
  await Promise.all([cut, back]);

  assert.equal(await redis.ping(), 'PONG');
});
