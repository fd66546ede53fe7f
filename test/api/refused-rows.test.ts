import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { assertProblem, countWritten, createApiClient, pointersOf } from './api-client.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

let stack: TestStack;
let proxy: RpcProxy;
let url: string;
before(async () => {
  stack = await startTestStack();
  proxy = await startRpcProxy(stack.supabaseUrl);
  ({ url } = await stack.startApi({
    SUPABASE_URL: proxy.url,
    SUPABASE_JWT_ISSUER: `${stack.supabaseUrl}/auth/v1`,
  }));
});
after(async () => {
  await stack.stop();
  await proxy.close();
});

describe('what goes between the look-up and the insert', () => {
  it('is told as a dataset that is not there', async () => {
    const [dataset] = await stack.sql('insert into datasets default values returning id');
    const before = await countWritten(stack);
    proxy.decide('submit_generations', async (call) => {
      await stack.sql('delete from datasets where id = $1', [dataset?.id]);
      return call.forward();
    });

    const answer = await createApiClient(url).generate({ prompt: 'A fox', dataset_id: dataset?.id });
    proxy.restore();

    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(pointersOf(answer), ['/dataset_id']);
    assert.deepEqual(await countWritten(stack), before);
  });

  it('is told as a user who is not there', async () => {
    const user = await stack.createUser();
    const before = await countWritten(stack);
    proxy.decide('submit_generations', async (call) => {
      await stack.sql('delete from auth.users where id = $1', [user.id]);
      return call.forward();
    });

    const answer = await createApiClient(url, user.token).generate({ prompt: 'A fox' });
    proxy.restore();

    assertProblem(answer, 401, 'unauthorized');
    assert.deepEqual(await countWritten(stack), before);
  });
});

describe('requests that are written together', () => {
  /** Sends good requests and one of a user who is gone, until one call has carried both kinds. */
  async function submitTogether(rounds: number): Promise<number> {
    const api = createApiClient(url);
    const gone = createApiClient(url, await stack.signToken({ sub: randomUUID() }));
    proxy.restore();

    const bad = gone.generate({ prompt: 'bad neighbour' });
    const good = Array.from({ length: 9 }, (_, n) => api.generate({ prompt: `neighbour ${n}` }));
    const answers = await Promise.all(good);

    assertProblem(await bad, 401, 'unauthorized');
    assert.deepEqual(
      answers.map((answer) => answer.status),
      Array(9).fill(202),
    );
    assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 9);
    answers.forEach((answer, n) => {
      assert.equal(answer.body.prompt, `neighbour ${n}`);
    });
    const shared = proxy
      .calls('submit_generations')
      .some((call) => call.args.includes('bad neighbour') && /neighbour \d/.test(call.args));
    if (shared) return rounds;
    return rounds < 50 ? submitTogether(rounds + 1) : assert.fail('never written together');
  }

  it('are hurt by no bad neighbour, and each is written once', async () => {
    const { images } = await countWritten(stack);

    const rounds = await submitTogether(1);

    assert.equal(Number((await countWritten(stack)).images), Number(images) + 9 * rounds);
    const [lanes] = await stack.sql(
      `select sum(waiting)::int + (select count(*) from generated_images where released_at is not null)::int as counted,
         (select count(*)::int from generated_images) as images from lanes`,
    );
    assert.equal(lanes?.counted, lanes?.images);
  });

  it('share a call, and each is answered with its own image', async () => {
    proxy.restore();
    const api = createApiClient(url);

    const records = await Promise.all(
      Array.from({ length: 60 }, (_, n) => api.submit({ prompt: `together ${n}` })),
    );

    records.forEach((record, n) => {
      assert.equal(record.prompt, `together ${n}`);
    });
    assert.equal(new Set(records.map((record) => record.id)).size, 60);
    assert.ok(proxy.calls('submit_generations').length < 60);
  });
});
