import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { IMAGES, UNKNOWN_ID } from './api-client.ts';
import { closeReaders } from './event-reader.ts';
import { createEventUser, holdPrompt, QUICK_PROMPT, updatesOf } from './event-users.ts';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  await stack.startWorker();
});
after(() => stack.stop());
afterEach(closeReaders);

describe('a stream about one image', () => {
  it('tells it at once, whatever its state, and nothing else', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.quick();
    await (await user.listen()).image(id, 'succeeded');

    const events = await user.listen(`?image_id=${id.toUpperCase()}`);
    assert.equal((await events.image(id)).status, 'succeeded');
    const all = await user.listen();
    const other = await user.quick();
    await all.image(other.id, 'succeeded');

    assert.equal(events.events.length, 1);
  });

  it('is refused where the image is', async () => {
    const [user, other] = [await createEventUser(stack, url), await createEventUser(stack, url)];
    const { id } = await user.api.submit();

    assert.equal((await other.listen(`?image_id=${id}`)).body.code, 'not_found');
    assert.equal((await user.listen(`?image_id=${UNKNOWN_ID}`)).body.code, 'not_found');
    assert.equal((await user.listen(`?batch_id=${UNKNOWN_ID}`)).body.code, 'not_found');
    await user.api.send('DELETE', `${IMAGES}/${id}`);
    assert.equal((await user.listen(`?image_id=${id}`)).body.code, 'gone');
    const both = await user.listen(`?image_id=${id}&batch_id=${UNKNOWN_ID}`);
    assert.deepEqual([both.status, both.body.errors[0].pointer], [422, '?batch_id']);
  });
});

describe('a stream about one batch', () => {
  it('tells the batch as it goes on and ends, and its images', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.batch([QUICK_PROMPT, QUICK_PROMPT]);
    const events = await user.listen(`?batch_id=${id}`);
    const other = await user.quick();

    const { data } = await events.find(
      ({ event, data }) => event === 'batch.updated' && data.batch.completed_at !== null,
    );

    assert.deepEqual([data.batch.status, data.batch.counts.succeeded], ['completed', 2]);
    const ended = events.events.filter((one) => one.data.image?.status === 'succeeded');
    assert.equal(ended.length, 2);
    assert.deepEqual(updatesOf(events, other.id), []);
  });

  it('tells all of its images that they are canceled', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.batch(Array.from({ length: 20 }, holdPrompt));
    const events = await user.listen(`?batch_id=${id}`);

    await user.api.send('POST', `/ai/batches/${id}/cancel`);
    await events.find(({ data }) => data.batch?.completed_at != null);

    const canceled = new Set(
      events.events.filter(({ data }) => data.image?.status === 'canceled').map(({ data }) => data.image.id),
    );
    assert.equal(canceled.size, 20);
  });
});
