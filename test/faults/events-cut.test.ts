import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { createRandom } from '../support/random.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

/** `CUT_SECONDS=60 script/test test/faults/events-cut.test.ts` is a minute of it. */
const SECONDS = Number(process.env.CUT_SECONDS ?? 5);
const SEED = Number(process.env.CUT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const MARKERS = [
  'bytes=1024',
  'bytes=1024',
  'bytes=1024; latency_ms=150',
  'fault=503*2; bytes=1024',
  'fault=prompt-blocked',
  'fault=reset-mid-body*1; bytes=1024',
];

type Told = { connection: number; id: string; sequence: number; event: string; status: string };
type Row = { id: string; status: string; status_sequence: number; deleted_at: Date | null };

let stack: TestStack;
let proxy: TcpProxy;
/** Of the API that whoever connects next comes to. */
const target = { host: '127.0.0.1', port: 0 };
const ports: number[] = [];
before(async () => {
  stack = await startTestStack();
  for (let n = 0; n < 2; n++) ports.push(Number(new URL((await stack.startApi()).url).port));
  target.port = ports[0] ?? 0;
  proxy = await startTcpProxy(target);
  await stack.startWorker();
});
after(async () => {
  await proxy.close();
  await stack.stop();
});

/** A browser's way to follow, and all that it was told. */
function follow(token: string) {
  const told: Told[] = [];
  let connection = 0;
  let resyncs = 0;
  const source = new EventSource(`http://127.0.0.1:${proxy.port}/ai/events`, {
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
  });
  source.addEventListener('open', () => {
    connection++;
  });
  source.addEventListener('resync', () => {
    resyncs++;
  });
  for (const event of ['image.updated', 'image.deleted']) {
    source.addEventListener(event, ({ data }) => {
      const { id, status_sequence: sequence, status } = JSON.parse(data).image;
      told.push({ connection, id, sequence, event, status });
    });
  }
  return { told, source, connections: () => connection, resyncs: () => resyncs };
}

/** Makes images and harms them while connections break, until the time is over. */
async function act(client: DarkroomClient, random: ReturnType<typeof createRandom>): Promise<void> {
  const until = performance.now() + SECONDS * 1_000;
  const ids: string[] = [];
  while (performance.now() < until) {
    ids.push((await client.submit({ prompt: `A harbour [[sim:${random.pick(MARKERS)}]]` })).id);
    if (random.chance(0.2)) await client.cancel(random.pick(ids)).catch(() => undefined);
    if (random.chance(0.05)) await client.delete(random.pick(ids));
    if (random.chance(0.1)) {
      target.port = random.pick(ports);
      proxy.cut();
      proxy.restore();
    }
    await delay(random.below(60));
  }
}

const timeout = SECONDS * 1_000 + 55_000;
it(`whatever connections are cut, every image is told to its end, in order (seed ${SEED})`, {
  timeout,
}, async () => {
  const user = await stack.createUser();
  const random = createRandom(SEED);
  const followed = follow(user.token);
  const direct = createDarkroomClient({ baseUrl: `http://127.0.0.1:${ports[0]}`, token: user.token });

  await act(direct, random);

  const rows = async () =>
    stack.sql<Row>(
      'select id, status, status_sequence, deleted_at from public.generated_images where user_id = $1',
      [user.id],
    );
  const lastTold = (id: string) => followed.told.findLast((one) => one.id === id);
  const ENDED = /^(succeeded|failed|canceled|expired)$/;
  await waitFor('the last of each image to be told', async () => {
    const all = await rows();
    return all.every((row) => ENDED.test(row.status) && lastTold(row.id)?.sequence === row.status_sequence);
  });
  followed.source.close();

  for (const row of await rows()) {
    const last = lastTold(row.id);
    if (row.deleted_at) assert.equal(last?.event, 'image.deleted');
    else assert.equal(last?.status, row.status);
  }
  const seen = new Map<string, number>();
  for (const { connection, id, sequence } of followed.told) {
    const key = `${connection} ${id}`;
    assert.ok(
      sequence > (seen.get(key) ?? 0),
      `${id} ${sequence} was told again on connection ${connection}`,
    );
    seen.set(key, sequence);
  }
  assert.equal(followed.resyncs(), 0);
  assert.ok(followed.connections() > 1, 'it was never cut');
});
