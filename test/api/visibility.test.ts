import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type Answer,
  type ApiClient,
  assertProblem,
  countWritten,
  createApiClient,
  type Json,
  UNKNOWN_ID,
} from './api-client.ts';

type Who = 'owner' | 'other' | 'nobody';
const WHO: Who[] = ['owner', 'other', 'nobody'];

let stack: TestStack;
let callers: Record<Who, ApiClient>;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const [owner, other] = [await stack.createUser(), await stack.createUser()];
  callers = {
    owner: createApiClient(url, owner.token),
    other: createApiClient(url, other.token),
    nobody: createApiClient(url),
  };
});
after(() => stack.stop());

const markDeleted = (id: string) =>
  stack.sql('update generated_images set deleted_at = now() where id = $1', [id]);

/** A refusal without what differs from request to request. */
function withoutIds({ status, headers, body }: Answer): Json {
  const { instance, request_id, ...rest } = body;
  assert.ok(instance && request_id);
  const varying = new Set(['request-id', 'date', 'connection', 'keep-alive', 'etag', 'ratelimit']);
  return { status, rest, headers: [...headers].filter(([name]) => !varying.has(name)) };
}

describe('who sees an image', () => {
  const sees: [whose: Who, asks: Who, visible: boolean][] = [
    ['owner', 'owner', true],
    ['owner', 'other', false],
    ['owner', 'nobody', false],
    ['nobody', 'nobody', true],
    ['nobody', 'owner', false],
  ];
  for (const [whose, asks, visible] of sees) {
    it(`${asks} ${visible ? 'sees' : 'does not see'} an image of ${whose}, by id and in history`, async () => {
      const { id } = await callers[whose].submit();

      const read = await callers[asks].read(id);
      const { body } = await callers[asks].history();

      assert.equal(read.status, visible ? 200 : 404);
      assert.equal(
        body.items.some((item: Json) => item.id === id),
        visible,
      );
    });
  }

  it("somebody else's image is answered exactly like one that never was", async () => {
    const { id } = await callers.owner.submit();

    for (const who of ['other', 'nobody'] as const) {
      const unknown = await callers[who].read(UNKNOWN_ID);
      assertProblem(unknown, 404, 'not_found');
      assert.deepEqual(withoutIds(await callers[who].read(id)), withoutIds(unknown));
    }
  });

  it("a cursor of somebody else's history shows nothing of it", async () => {
    await callers.owner.submit();
    await callers.owner.submit();
    const { body: theirs } = await callers.owner.history('?limit=1');
    const { body: mine } = await callers.other.history(`?cursor=${theirs.next_cursor}`);

    const ids = new Set((await callers.owner.history('?limit=100')).body.items.map((item: Json) => item.id));
    assert.ok(mine.items.every((item: Json) => !ids.has(item.id)));
  });
});

describe('an image that was deleted', () => {
  it('is gone for its owner, and not in history', async () => {
    for (const who of ['owner', 'nobody'] as const) {
      const { id } = await callers[who].submit();
      await markDeleted(id);

      assertProblem(await callers[who].read(id), 410, 'gone');
      const { body } = await callers[who].history('?limit=100');
      assert.ok(!body.items.some((item: Json) => item.id === id));
    }
  });

  it('is unknown to everybody else', async () => {
    const { id } = await callers.owner.submit();
    await markDeleted(id);

    for (const who of ['other', 'nobody'] as const) {
      assert.deepEqual(
        withoutIds(await callers[who].read(id)),
        withoutIds(await callers[who].read(UNKNOWN_ID)),
      );
    }
  });
});

describe('a deployment without anonymous use', () => {
  it('refuses nobody in particular to submit and to see a history, whatever else is wrong', async () => {
    const { url } = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });
    const api = createApiClient(url);
    const before = await countWritten(stack);

    const answers = [
      await api.generate({ prompt: 'A fox' }),
      await api.generate({ prompt: '', dataset_id: UNKNOWN_ID }),
      await api.history(),
      await api.history('?limit=0'),
    ];

    for (const answer of answers) {
      assertProblem(answer, 401, 'unauthorized');
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
    assert.deepEqual(await countWritten(stack), before);
  });

  it('still shows an image of nobody to who knows its id', async () => {
    const { id } = await callers.nobody.submit();
    const { url } = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });

    const answer = await createApiClient(url).read(id);

    assert.deepEqual([answer.status, answer.body.id], [200, id]);
  });
});

it('each caller sees the same number of images as were submitted by that caller', async () => {
  for (const who of WHO) {
    const count = (await callers[who].history('?limit=100')).body.items.length;
    await callers[who].submit();
    assert.equal((await callers[who].history('?limit=100')).body.items.length, count + 1);
  }
});
