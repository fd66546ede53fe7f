import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertProblem, createApiClient, IMAGES } from './api-client.ts';
import { captureLog } from './log-capture.ts';
import { DATABASE_AWAY, type Fate, type RpcCall, type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

let stack: TestStack;
const proxies: RpcProxy[] = [];
before(async () => {
  stack = await startTestStack();
});
after(async () => {
  for (const proxy of proxies) await proxy.close();
  await stack.stop();
});

/** An API whose way to the database the test decides about. */
async function startBehindProxy() {
  const proxy = await startRpcProxy(stack.supabaseUrl);
  proxies.push(proxy);
  const captured = captureLog();
  const { url } = await stack.startApi({ SUPABASE_URL: proxy.url }, captured.log);
  return { proxy, captured, api: createApiClient(url) };
}

async function rowsOf(prompt: string) {
  return stack.sql('select id, lane_key from generated_images where prompt = $1', [prompt]);
}

/** The first so many calls meet one fate, those behind them go through. */
function firstCalls(count: number, fate: Fate): Fate {
  let calls = 0;
  return (call) => (++calls <= count ? fate(call) : call.forward());
}

const loseReply = async (call: RpcCall): Promise<'cut'> => {
  await call.forward();
  return 'cut';
};
const htmlError = { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' };

describe('a submit while the database is away for a moment', { concurrency: true }, () => {
  const fates: [name: string, fate: Fate][] = [
    ['it answers that it is away', () => DATABASE_AWAY],
    ['connections are cut before it has heard anything', () => 'cut'],
    ['connections are cut before the reply comes', loseReply],
    ['something in front of it answers with a page', () => htmlError],
    [
      'something in front of it answers with a page, after it has written',
      async (call) => {
        await call.forward();
        return htmlError;
      },
    ],
  ];
  for (const [name, fate] of fates) {
    it(`is accepted as one image: ${name}`, async () => {
      const { api, proxy } = await startBehindProxy();
      proxy.decide('submit_generations', firstCalls(2, fate));

      const answer = await api.generate({ prompt: name });

      assert.equal(answer.status, 202, answer.text);
      assert.deepEqual(
        (await rowsOf(name)).map((row) => row.id),
        [answer.body.id],
      );
      const ids = proxy.calls('submit_generations').map((call) => JSON.parse(call.args).p_items[0].id);
      assert.deepEqual(ids, [answer.body.id, answer.body.id, answer.body.id]);
    });
  }

  it('is accepted when nobody listened at first', async () => {
    const { api, proxy, captured } = await startBehindProxy();
    // A queue that was just looked at is not looked at again: it is the submit that finds nobody.
    const dryRun = () => api.generate({ prompt: 'nobody listened', dry_run: true });
    await waitFor('the queue', async () => (await dryRun()).body.queue_position !== null);
    await proxy.refuse();

    const submitting = api.generate({ prompt: 'nobody listened' });
    await captured.line('database.away');
    await proxy.accept();

    assert.equal((await submitting).status, 202);
    assert.equal((await rowsOf('nobody listened')).length, 1);
    await captured.line('database.back');
  });

  it('is accepted when its dataset could not be looked up at first', async () => {
    const { api, proxy } = await startBehindProxy();
    const [dataset] = await stack.sql(`insert into datasets (brand) values ('Blue') returning id`);
    proxy.decide(
      'get_dataset_context',
      firstCalls(1, () => 'cut'),
    );

    const record = await api.submit({ prompt: 'dataset away', dataset_id: dataset?.id });

    assert.equal(record.prompt_used, 'Brand: Blue. dataset away');
  });
});

describe('while the database is away for longer', { concurrency: true }, () => {
  it('a submit is 503 with the id it would have, and nothing was written', async () => {
    const { api, proxy } = await startBehindProxy();
    proxy.decide('submit_generations', () => 'cut');

    const answer = await api.generate({ prompt: 'never came' });

    assertProblem(answer, 503, 'temporarily_unavailable');
    assert.match(answer.body.instance, /^\/ai\/generated-images\/[0-9a-f-]{36}$/);
    assert.equal(answer.headers.get('location'), answer.body.instance);
    assert.ok(answer.body.retry_after_seconds > 0);
    assert.match(answer.body.detail, new RegExp(answer.body.instance.slice(IMAGES.length + 1)));
    proxy.restore();
    assertProblem(await api.get(answer.body.instance), 404, 'not_found');
    assert.deepEqual(await rowsOf('never came'), []);
  });

  it('a submit that was written all the same is there under the id of its 503, once', async () => {
    const { api, proxy } = await startBehindProxy();
    proxy.decide('submit_generations', loseReply);

    const answer = await api.generate({ prompt: 'came, unheard' });

    assertProblem(answer, 503, 'temporarily_unavailable');
    proxy.restore();
    const read = await api.get(answer.headers.get('location') ?? '');
    assert.deepEqual([read.status, read.body.prompt], [200, 'came, unheard']);
    assert.equal((await rowsOf('came, unheard')).length, 1);
  });

  it('reads are 503 and say when to ask again', async () => {
    const { api, proxy } = await startBehindProxy();
    const { id } = await api.submit();
    await proxy.refuse();

    const answers = await Promise.all([
      api.read(id),
      api.history(),
      api.generate({ prompt: 'A fox', dataset_id: id }),
    ]);

    for (const answer of answers) {
      assertProblem(answer, 503, 'temporarily_unavailable');
      assert.ok(answer.body.retry_after_seconds > 0);
      assert.equal(answer.headers.get('location'), null);
    }
  });
});

describe('a database that answers', () => {
  for (const code of ['57014', '55P03']) {
    it(`that it gave up waiting is busy: 503, nothing accepted (${code})`, async () => {
      const { api, proxy } = await startBehindProxy();
      const body = { code, details: null, hint: null, message: 'canceling statement' };
      const reply = {
        status: 500,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      };
      proxy.decide('submit_generations', () => reply);

      const answer = await api.generate({ prompt: 'busy' });

      assertProblem(answer, 503, 'temporarily_unavailable');
      assert.ok(answer.body.retry_after_seconds > 0);
    });
  }

  it('what nobody expects is a bland 500', async () => {
    const { api, proxy } = await startBehindProxy();
    for (const body of [
      '{"code":"XX000","message":"inside","details":"inside","hint":null}',
      '[]',
      '[{"id":1}]',
    ]) {
      const status = body.startsWith('[') ? 200 : 500;
      proxy.decide('submit_generations', () => ({
        status,
        headers: { 'content-type': 'application/json' },
        body,
      }));

      const answer = await api.generate({ prompt: 'unexpected' });

      assertProblem(answer, 500, 'internal');
      assert.doesNotMatch(answer.text, /inside|XX000|submit_generations|invalid_type/);
    }
  });
});
