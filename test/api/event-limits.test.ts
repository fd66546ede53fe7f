import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { scrape } from '../support/metrics.ts';
import { startTcpProxy, throughProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { assertProblem, createApiClient } from './api-client.ts';
import { startApiProcess } from './api-process.ts';
import { closeReaders, EVENTS, openStreams, readEvents } from './event-reader.ts';
import { createEventUser } from './event-users.ts';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
});
after(() => stack.stop());
afterEach(closeReaders);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Asks until it is let in: the end of a stream is heard a moment after it. */
async function openInTime(at: string, token: string) {
  for (;;) {
    const reader = await readEvents(at, EVENTS, bearer(token));
    if (reader.status === 200) return reader;
    assert.equal(reader.body.code, 'too_many_streams');
  }
}

describe('a caller', () => {
  it('has five streams over all APIs, and a sixth when one of them has ended', async () => {
    const user = await createEventUser(stack, url);
    const other = await stack.startApi();
    const [one] = await openStreams(url, user.token);

    for (const at of [url, other.url]) {
      const refused = await createApiClient(at, user.token).get(EVENTS);
      assertProblem(refused, 429, 'too_many_streams');
      assert.ok(Number(refused.headers.get('retry-after')) > 0);
    }
    const { links } = await user.api.submit();
    assert.equal((await readEvents(url, links.events)).status, 429);
    one?.close();

    await openInTime(other.url, user.token);
    await other.stop();
  });

  it('has the places again that a killed process held', async () => {
    const { token } = await stack.createUser();
    const api = startApiProcess({ ...stack.env, LOG_LEVEL: 'info' });
    const { url: killed } = await api.line('api.started');
    await openStreams(killed, token);
    assert.equal((await readEvents(url, EVENTS, bearer(token))).status, 429);

    api.kill('SIGKILL');
    await api.exited;

    await openInTime(url, token);
  });

  it('is let in, and told all, while Redis is away', async () => {
    const proxy = await startTcpProxy({
      host: '127.0.0.1',
      port: Number(new URL(String(stack.env.REDIS_URL)).port),
    });
    const cutOff = await stack.startApi({ REDIS_URL: throughProxy(stack.env.REDIS_URL, proxy) });
    const user = await createEventUser(stack, cutOff.url);
    const events = await user.listen();
    proxy.cut();

    const { id } = await user.api.submit();
    await events.image(id, 'pending');
    await user.cancel(id);

    await events.image(id, 'canceled');
    for (let n = 0; n < 6; n++) assert.equal((await user.listen()).status, 200);
    proxy.restore();
    await cutOff.stop();
    await proxy.close();
  });

  it('who is an admin has as many as they like', async () => {
    for (let n = 0; n < 7; n++) {
      assert.equal((await readEvents(url, EVENTS, bearer(stack.serviceRoleKey))).status, 200);
    }
  });
});

/** A stream whose client reads the status and no more. On a busy machine it may be told to come back first. */
async function takeNothing(of: string, token: string): Promise<Socket> {
  const { port, hostname } = new URL(of);
  for (;;) {
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await once(socket, 'readable');
    const status = String(socket.read(12));
    if (status === 'HTTP/1.1 200') return socket;
    assert.equal(status, 'HTTP/1.1 503');
    socket.destroy();
  }
}

describe('a client that takes nothing', () => {
  it('is cut off, and others are told as if it were not there', async () => {
    const impatient = await stack.startApi({ EVENTS_STALL_MS: '200', EVENTS_HEARTBEAT_MS: '100' });
    const user = await createEventUser(stack, impatient.url);
    const ids = [];
    for (let n = 0; n < 40; n++) ids.push((await user.api.submit()).id);
    await stack.sql(`update public.generated_images set prompt = repeat('x', 200000) where id = any ($1)`, [
      ids,
    ]);
    const short = await user.api.submit();
    const slow = await takeNothing(impatient.url, user.token);
    const cut = async () =>
      (await scrape(impatient.url)).value('darkroom_event_streams_cut_total', { reason: 'stalled' });

    // It is short, so that it fits into any buffer, however busy the machine is.
    const events = await user.listen(`?image_id=${short.id}`);
    await user.cancel(short.id);
    await events.image(short.id, 'canceled');

    while ((await cut()) !== 1);
    assert.equal(events.events.length, 2);
    slow.on('error', () => undefined).resume();
    await once(slow, 'close');
    const { value } = await scrape(impatient.url);
    assert.equal(value('darkroom_event_streams'), 1);
    assert.ok(Number(value('darkroom_events_sent_total', { event: 'image.updated' })) > 2);
    await impatient.stop();
  });
});

it('a stream ends after its time, and its client comes back for what it missed', async () => {
  const brief = await stack.startApi({ EVENTS_LONGEST_MS: '300', EVENTS_HEARTBEAT_MS: '50' });
  const user = await createEventUser(stack, brief.url);
  const { id } = await user.api.submit();
  const first = await user.listen();
  await first.image(id);

  await first.ended;

  assert.match(first.text(), /\nretry: \d+\n\n$/);
  await user.cancel(id);
  await (await user.listen('', first.lastId())).image(id, 'canceled');
  await brief.stop();
});

describe('a process that leaves', () => {
  it('ends its streams at once, and says when to come back', async () => {
    const { token } = await stack.createUser();
    const api = startApiProcess({ ...stack.env, LOG_LEVEL: 'info', SHUTDOWN_GRACE_MS: '60000' });
    const { url: leaving } = await api.line('api.started');
    const streams = await openStreams(leaving, token);
    const from = performance.now();

    api.kill('SIGTERM');
    await Promise.all(streams.map(({ ended }) => ended));

    const { code } = await api.exited;
    assert.equal(code, 0);
    assert.ok(performance.now() - from < 3_000);
    for (const stream of streams) assert.match(stream.text(), /\nretry: \d+\n\n$/);
  });
});
