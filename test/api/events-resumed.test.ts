import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { closeReaders } from './event-reader.ts';
import { changeUnseen, createEventUser } from './event-users.ts';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  await stack.startWorker();
});
after(() => stack.stop());
afterEach(closeReaders);

describe('a client that comes back', () => {
  it('is told what it missed, announced or not', async () => {
    const user = await createEventUser(stack, url);
    const [seen, unseen] = [await user.held(), await user.held()];
    const first = await user.listen();
    for (const { id } of [seen, unseen]) await first.image(id, 'processing');
    const at = first.lastId();
    first.close();
    await user.cancel(seen.id);
    await changeUnseen(stack, unseen.id);
    await (await user.listen()).find(({ data }) => data.image?.id === unseen.id);

    const events = await user.listen('', at);

    await events.image(seen.id, 'canceled');
    await events.image(unseen.id);
    assert.equal(
      events.events.some(({ event }) => event === 'resync'),
      false,
    );
  });

  it('may say in the address where it was', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.held();
    const first = await user.listen();
    await first.image(id, 'processing');
    await user.cancel(id);
    await first.image(id, 'canceled');

    const events = await user.listen(`?last_event_id=${first.events[0]?.id ?? ''}`);

    await events.image(id, 'canceled');
  });

  for (const [name, position, reason] of [
    ['is of an hour ago', () => `${Date.now() - 3_700_000}-0`, 'too_old'],
    ['is still to come', () => `${Date.now() + 3_600_000}-0`, 'unknown'],
    ['is none', () => 'yesterday', 'unknown'],
  ] as const) {
    it(`is told to read everything again, and what is under way, if its position ${name}`, async () => {
      const user = await createEventUser(stack, url);
      const { id } = await user.held();

      const events = await user.listen('', position());
      await events.image(id);

      assert.deepEqual(events.events[0], { event: 'resync', id: null, data: { reason } });
      await user.cancel(id);
    });
  }

  it('is told to read everything again when more has happened than is told one by one', async () => {
    const user = await createEventUser(stack, url);
    const { id } = await user.held();
    const first = await user.listen();
    await first.image(id, 'processing');
    first.close();
    await stack.sql(
      `insert into public.generated_images (user_id, prompt, full_prompt, image_url, lane_key)
       select $1::uuid, 'A harbour', 'A harbour', 'https://example.com/harbour.png', 'user:' || $1::text from generate_series(1, 1001)`,
      [user.id],
    );

    const events = await user.listen('', first.lastId());
    await events.image(id);

    assert.deepEqual(events.events[0], { event: 'resync', id: null, data: { reason: 'too_much' } });
    assert.equal(events.events.length, 2);
    await user.cancel(id);
  });
});
