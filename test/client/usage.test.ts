import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { DarkroomError } from '../../src/client/darkroom-error.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: TestStack;
let client: DarkroomClient;
let id: string;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  client = createDarkroomClient({ baseUrl: url, token: (await stack.createUser()).token });
  ({ id } = await client.submit({ prompt: 'A harbour', style: 'anime' }));
  await client.cancel(id);
});
after(() => stack.stop());

it('the client tells usage, by what it is asked to, also as CSV', async () => {
  const { total, groups } = await client.usage({ group_by: ['style', 'status'] });
  const csv = await client.usageCsv({ group_by: ['style', 'status'] });

  assert.deepEqual([total.accepted, total.canceled, total.cost_usd], [1, 1, 0]);
  assert.deepEqual(
    groups.map(({ key }) => key),
    [{ style: 'anime', status: 'canceled' }],
  );
  assert.match(csv, /^style,status,accepted,.*\nanime,canceled,1,0,/);
  const none = await client.usage({ from: '2026-01-01', to: '2026-01-31', style: 'no such' });
  assert.deepEqual([none.total.accepted, none.groups], [0, []]);
});

it('the client tells popular prompts once they are counted', async () => {
  const prompts = await waitFor('the prompt to be counted', async () => {
    const found = await client.usagePrompts({ limit: 5 });
    return found.length > 0 && found;
  });

  assert.partialDeepStrictEqual(prompts, [{ prompt: 'a harbour', count: 1, images: 0 }]);
});

it('the client tells what happened to an image, and is refused for an unknown one', async () => {
  const { events, status } = await client.imageEvents(id);

  assert.deepEqual([status, events.map(({ to }) => to)], ['canceled', ['pending', 'canceled']]);
  await assert.rejects(client.imageEvents('no-such-image'), (error: unknown) => {
    return error instanceof DarkroomError && error.status === 404;
  });
});
