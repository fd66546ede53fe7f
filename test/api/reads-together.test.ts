import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createReadImage } from '../../src/api/read-image.ts';
import type { CallerScope } from '../../src/shared/caller-scope.ts';
import type { Generation } from '../../src/shared/generation.ts';
import { NO_TRACING } from '../../src/shared/tracing.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { createApiClient, UNKNOWN_ID } from './api-client.ts';
import { DATABASE_AWAY, type RpcProxy, refusal, startRpcProxy } from './rpc-proxy.ts';

describe('reads of images that come together', () => {
  let stack: TestStack;
  let proxy: RpcProxy;
  let url: string;
  before(async () => {
    stack = await startTestStack();
    proxy = await startRpcProxy(stack.supabaseUrl);
    ({ url } = await stack.startApi({ SUPABASE_URL: proxy.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl }));
  });
  after(async () => {
    await proxy.close();
    await stack.stop();
  });
  beforeEach(() => proxy.restore());

  it('have each its own answer', async () => {
    const [user, nobody] = [createApiClient(url, (await stack.createUser()).token), createApiClient(url)];
    const own = await Promise.all(Array.from({ length: 20 }, () => user.submit()));
    const theirs = await nobody.submit();

    const [answers, hidden, open, unknown] = await Promise.all([
      Promise.all(own.map(({ id }) => user.read(id))),
      nobody.read(own[0].id),
      nobody.read(theirs.id),
      user.read(UNKNOWN_ID),
    ]);

    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.id]),
      own.map(({ id }) => [200, id]),
    );
    assert.deepEqual([hidden.status, open.status, open.body.id, unknown.status], [404, 200, theirs.id, 404]);
  });

  it('are told what was changed before they were asked, whoever else is reading', async () => {
    const api = createApiClient(url);
    const record = await api.submit();
    const readers = Array.from({ length: 8 }, () => api.read(record.id));

    await api.send('POST', `/ai/generated-images/${record.id}/cancel`);
    const after = await api.read(record.id);

    assert.equal(after.body.status, 'canceled');
    await Promise.all(readers);
  });

  it('are repeated while the database is away, and all told when it refuses', async () => {
    const api = createApiClient(url);
    const { id } = await api.submit();
    let calls = 0;
    proxy.decide('get_generations', (call) => (++calls === 1 ? DATABASE_AWAY : call.forward()));
    const repeated = await Promise.all([api.read(id), api.read(id)]);

    proxy.decide('get_generations', refusal('XX000'));
    const refused = await Promise.all([api.read(id), api.read(id)]);

    assert.deepEqual(
      [...repeated, ...refused].map(({ status }) => status),
      [200, 200, 500, 500],
    );
  });
});

describe('calls for reads that come together', () => {
  const OWN: CallerScope = { userId: 'somebody' };
  const PATIENT = { repeatForMs: 2_000 };

  /** A database that has every image, and keeps what it was asked for. */
  function createReads() {
    const calls: { asked: string[]; repeatForMs: number }[] = [];
    const store = {
      getGenerations: async (
        asks: { id: string; scope: CallerScope }[],
        { repeatForMs }: { repeatForMs: number },
      ) => {
        const asked = asks.map(({ id, scope }) => `${id} ${scope.admin ? 'admin' : scope.userId}`);
        calls.push({ asked, repeatForMs });
        return asked.map((caption) => ({ prompt: caption }) as Generation);
      },
    };
    return { calls, read: createReadImage({ store, tracing: NO_TRACING }) };
  }

  it('ask once for what several want, but for each caller', async () => {
    const { calls, read } = createReads();
    const admin: CallerScope = { userId: null, admin: true };

    const found = await Promise.all([
      read('a', OWN, PATIENT),
      read('b', OWN, PATIENT),
      read('a', { userId: null }, PATIENT),
      read('a', admin, PATIENT),
      read('a', OWN, PATIENT),
    ]);

    const asked = ['a somebody', 'b somebody', 'a null', 'a admin'];
    assert.deepEqual(calls, [{ asked, ...PATIENT }]);
    assert.deepEqual(
      found.map((image) => image?.prompt),
      [...asked, 'a somebody'],
    );
  });

  it('are none that was made before the request', async () => {
    const { calls, read } = createReads();
    const first = read('a', OWN, PATIENT);
    // The call is on its way.
    await new Promise((resolve) => setImmediate(resolve));

    await Promise.all([first, read('a', OWN, PATIENT)]);

    assert.equal(calls.length, 2);
  });

  it('repeat no longer than each has patience', async () => {
    const { calls, read } = createReads();

    await Promise.all([read('a', OWN, PATIENT), read('a', OWN, { repeatForMs: 0 })]);

    assert.deepEqual(calls.map(({ repeatForMs }) => repeatForMs).sort(), [0, 2_000]);
  });
});
