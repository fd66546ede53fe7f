import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { createApiClient, IMAGES } from './api-client.ts';
import { closeReaders, EVENTS, readEvents } from './event-reader.ts';
import { changeUnseen, createEventUser, QUICK_PROMPT, updatesOf } from './event-users.ts';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi({ EVENTS_HEARTBEAT_MS: '100' }));
  await stack.startWorker();
});
after(() => stack.stop());
afterEach(closeReaders);

describe('a stream of events', () => {
  it('says what it is, and that nothing may keep or gather it', async () => {
    const user = await createEventUser(stack, url);

    const { status, headers } = await user.listen();

    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('x-accel-buffering'), 'no');
    assert.equal(headers.get('content-encoding'), null);
  });

  it('begins with what is under way, and says where the client is', async () => {
    const user = await createEventUser(stack, url);
    const [one, two] = [await user.held(), await user.held()];
    const done = await user.quick();
    await (await user.listen()).image(done.id, 'succeeded');

    const events = await user.listen();
    await events.image(two.id);

    assert.equal((await events.image(one.id)).id, one.id);
    assert.deepEqual(updatesOf(events, done.id), []);
    assert.match(events.lastId(), /^\d+-\d+$/);
    assert.match(events.text(), /^retry: \d+\n\n/);
    for (const { id } of [one, two]) await user.cancel(id);
  });

  it('tells each step of an image in order, as the record is then, and none twice', async () => {
    const user = await createEventUser(stack, url);
    const events = await user.listen();

    const { id } = await user.quick();
    const image = await events.image(id, 'succeeded');

    const { links, ...record } = (await user.api.read(id)).body;
    assert.deepEqual({ ...image, links: null }, { ...record, links: null });
    assert.deepEqual(Object.keys(image.links), Object.keys(links));
    const sequences = updatesOf(events, id).map(({ status_sequence }) => status_sequence);
    assert.deepEqual(sequences, [...new Set(sequences)].sort());
  });

  it('tells what nobody announced, after a moment', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.held();
    const events = await user.listen();
    await events.image(id, 'processing');

    await changeUnseen(stack, id);

    await events.find(({ data }) => data.image?.id === id && data.image.cancel_requested_at !== null);
    await events.image(id, 'canceled');
  });

  it('tells nothing of anybody else', async () => {
    const [user, other] = [await createEventUser(stack, url), await createEventUser(stack, url)];
    const events = await user.listen();
    const others = await other.listen();

    const theirs = await other.quick();
    await others.image(theirs.id, 'succeeded');
    const own = await user.quick();
    await events.image(own.id, 'succeeded');

    assert.deepEqual(new Set(events.events.map(({ data }) => data.image.id)), new Set([own.id]));
  });

  it('tells that an image was deleted, and what it was no more', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.held();
    const events = await user.listen();
    await events.image(id);

    await user.api.send('DELETE', `${IMAGES}/${id}`);

    const { data } = await events.find(({ event }) => event === 'image.deleted');
    assert.deepEqual(Object.keys(data.image), ['id', 'status_sequence']);
    assert.equal(data.image.id, id);
  });

  it('shows that it lives while nothing happens', async () => {
    const user = await createEventUser(stack, url);
    const events = await user.listen();

    await events.until((text) => /\n:\n/.test(text));
  });

  it('is headers only for HEAD', async () => {
    const user = await createEventUser(stack, url);
    const { status, text } = await user.api.send('HEAD', EVENTS);
    assert.deepEqual([status, text], [200, '']);
  });
});

describe('an anonymous caller', () => {
  it('hears of what was asked for from the same address', async () => {
    const api = createApiClient(url);
    const events = await readEvents(url);

    const { id } = await api.submit({ prompt: QUICK_PROMPT });

    await events.image(id, 'succeeded');
  });

  it('is refused where anonymous use is off', async () => {
    const shut = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });
    assert.equal((await readEvents(shut.url)).body.code, 'unauthorized');
  });
});
