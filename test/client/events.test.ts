import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { DarkroomError } from '../../src/client/darkroom-error.ts';
import type { DarkroomEvent, EventOptions } from '../../src/client/events.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';
const held = () => `A harbour [[sim:key=${randomUUID()}; fault=hold:ok]]`;

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  await stack.startWorker();
});
after(() => stack.stop());

async function createClient(baseUrl = url): Promise<DarkroomClient> {
  const { token } = await stack.createUser();
  return createDarkroomClient({ baseUrl, token });
}

/** What comes until something is so. */
async function until(client: DarkroomClient, options: EventOptions, isIt: (event: DarkroomEvent) => boolean) {
  const events: DarkroomEvent[] = [];
  for await (const event of client.events({ signal: AbortSignal.timeout(20_000), ...options })) {
    events.push(event);
    if (isIt(event)) return events;
  }
  return assert.fail('it ended');
}

const isImage = (id: string, status: string) => (event: DarkroomEvent) =>
  event.type === 'image.updated' && event.image.id === id && event.image.status === status;
const sequences = (events: DarkroomEvent[], id: string) =>
  events.flatMap((event) => ('image' in event && event.image.id === id ? event.image.status_sequence : []));

describe('the events of a client', () => {
  it('are those of an image, to its end', async () => {
    const client = await createClient();
    const { id } = await client.submit({ prompt: SMALL });

    const events = await until(client, { imageId: id }, isImage(id, 'succeeded'));

    const seen = sequences(events, id);
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((a, b) => a - b),
    );
  });

  it('are those of a batch, and of images that are deleted', async () => {
    const client = await createClient();
    const batch = await client.batches.create({ items: [{ prompt: SMALL }] });
    await until(
      client,
      { batchId: batch.id },
      (event) => event.type === 'batch.updated' && event.batch.completed_at !== null,
    );
    const { id } = await client.submit({ prompt: held() });
    const deleted = until(client, {}, ({ type }) => type === 'image.deleted');
    await client.delete(id);

    assert.deepEqual(sequences((await deleted).slice(-1), id).length, 1);
  });

  it('go on in another loop from where one was left', async () => {
    const client = await createClient();
    const { id } = await client.submit({ prompt: held() });
    const [last] = (await until(client, {}, isImage(id, 'processing'))).slice(-1);
    await client.cancel(id);
    await client.wait(id);

    const events = await until(client, { lastEventId: last?.lastEventId ?? '' }, isImage(id, 'canceled'));

    assert.equal(
      events.some(({ type }) => type === 'resync'),
      false,
    );
    const [resync] = await until(client, { lastEventId: '1-0' }, ({ type }) => type === 'resync');
    assert.deepEqual(resync, { type: 'resync', reason: 'too_old', lastEventId: '1-0' });
  });

  it('come whatever happens to the connection, each version once', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(url).port) });
    const client = await createClient(`http://127.0.0.1:${proxy.port}`);
    const { id } = await client.submit({ prompt: held() });
    const events: DarkroomEvent[] = [];
    const connections: boolean[] = [];
    const onConnection = (isOpen: boolean) => void connections.push(isOpen);
    for await (const event of client.events({ signal: AbortSignal.timeout(20_000), onConnection })) {
      events.push(event);
      if (isImage(id, 'processing')(event)) {
        proxy.cut();
        proxy.restore();
        await client.cancel(id);
      }
      if (isImage(id, 'canceled')(event)) break;
    }

    const seen = sequences(events, id);
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((a, b) => a - b),
    );
    assert.deepEqual(connections.slice(0, 3), [true, false, true]);
    await proxy.close();
  });

  it('end with the reason of their signal, or with what is refused', async () => {
    const client = await createClient();
    const reason = new Error('enough');
    const stop = new AbortController();
    const events = client.events({ signal: stop.signal });
    const { id } = await client.submit({ prompt: held() });
    await events.next();
    const next = (async () => {
      for (;;) await events.next();
    })();
    stop.abort(reason);
    await assert.rejects(next, reason);
    await client.cancel(id);

    const unknown = client.events({ imageId: randomUUID() }).next();
    await assert.rejects(unknown, (error) => error instanceof DarkroomError && error.code === 'not_found');
  });
});
