import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { createEventLinks } from '../../src/api/events/event-links.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { createApiClient, IMAGES, type Json } from './api-client.ts';
import { closeReaders, readEvents } from './event-reader.ts';
import { createEventUser, type EventUser, QUICK_PROMPT } from './event-users.ts';
import { captureLog } from './log-capture.ts';

let stack: TestStack;
let url: string;
let user: EventUser;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  user = await createEventUser(stack, url);
  await stack.startWorker();
});
after(() => stack.stop());
afterEach(closeReaders);

const tokenOf = (link: string) => new URLSearchParams(link.split('?')[1]).get('token') ?? '';

describe('the link of events on a record', () => {
  it('opens the events of that image without a token of the caller’s', async () => {
    const { id, links } = await user.held();

    const events = await readEvents(url, links.events);
    await events.image(id);
    await user.cancel(id);

    await events.image(id, 'canceled');
  });

  it('opens those of a batch', async () => {
    const { id, links } = await user.batch([QUICK_PROMPT]);

    const events = await readEvents(url, links.events);

    const { data } = await events.find(({ data }) => data.batch?.counts.succeeded === 1);
    assert.equal(data.batch.id, id);
  });

  it('is there for a caller without a token', async () => {
    const api = createApiClient(url);
    const { id, links } = await api.submit({ prompt: QUICK_PROMPT });

    await (await readEvents(url, links.events)).image(id, 'succeeded');
  });

  it('stays the same for a while', async () => {
    const { id, links } = await user.quick();
    const again = (await user.api.read(id)).body.links;
    const { items } = (await user.api.history(`?ids=${id}`)).body;

    const tokens = new Set([links, again, items[0].links].map(({ events }) => events));
    assert.ok(tokens.size <= 2, 'but for the end of five minutes, which may come in between');
  });

  it('opens nothing else', async () => {
    const [one, other] = [await user.api.submit(), await user.api.submit()];
    const token = tokenOf(one.links.events);
    const refused = async (path: string, headers = {}) => {
      const answer: Json = await createApiClient(url).get(path, headers);
      assert.equal(answer.status >= 400, true, path);
      return answer.body.code;
    };

    assert.equal(await refused(`/ai/events?token=${token}`), 'unauthorized');
    assert.equal(await refused(`/ai/events?image_id=${other.id}&token=${token}`), 'unauthorized');
    assert.equal(await refused(`/ai/events?batch_id=${one.id}&token=${token}`), 'unauthorized');
    assert.equal(await refused(`/ai/events?image_id=${one.id}&token=${token}x`), 'unauthorized');
    assert.equal(await refused(`/ai/events?image_id=${one.id}&token=`), 'unauthorized');
    assert.equal(await refused(`${IMAGES}/${one.id}?token=${token}`), 'not_found');
    assert.equal(await refused(IMAGES, { authorization: `Bearer ${token}` }), 'unauthorized');
  });

  it('is in no log', async () => {
    const { log, lines, line } = captureLog();
    const logged = await stack.startApi({}, log);
    const { id, links } = await user.quick();
    const token = tokenOf(links.events);

    const events = await readEvents(logged.url, links.events, { 'request-id': 'good' });
    await events.image(id, 'succeeded');
    events.close();
    await readEvents(logged.url, `${links.events}x`, { 'request-id': 'bad' });

    for (const name of ['good', 'bad']) {
      const told =
        lines.find(({ req }) => req?.id === name) ??
        (await line('request.answered', ({ req }) => req?.id === name));
      assert.equal(told.req.path, '/ai/events');
    }
    assert.equal(JSON.stringify(lines).includes(token), false);
  });
});

describe('a token of events', () => {
  const SECRET = 'a secret of the tests';
  const at = (time: number) => createEventLinks(SECRET, () => time);
  const NOW = Date.parse('2026-11-23T08:04:59Z');
  const token = tokenOf(at(NOW).of({ laneKey: 'user:1' })('image', 'an-image'));

  it('holds for ten minutes and not for a quarter of an hour', () => {
    assert.equal(at(NOW + 10 * 60_000).verify(token, 'image', 'an-image'), 'user:1');
    assert.equal(at(NOW + 15 * 60_000 + 1).verify(token, 'image', 'an-image'), null);
  });

  it('is good for what it was made for only', () => {
    const other = createEventLinks('another secret', () => NOW);
    const [expires, , signature] = token.split('.');
    const forged = `${expires}.${Buffer.from('user:2').toString('base64url')}.${signature}`;

    assert.equal(other.verify(token, 'image', 'an-image'), null);
    assert.equal(at(NOW).verify(token, 'batch', 'an-image'), null);
    assert.equal(at(NOW).verify(token, 'image', 'another'), null);
    assert.equal(at(NOW).verify(forged, 'image', 'an-image'), null);
    for (const text of ['', '.', '..', 'x.y.z'])
      assert.equal(at(NOW).verify(text, 'image', 'an-image'), null);
  });
});
