import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLogLines } from '../support/log-lines.ts';
import { startTcpProxy, type TcpProxy, throughProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, type ApiClient, assertProblem, createApiClient } from './api-client.ts';

const LIMITS = { RATE_LIMIT_SUBMIT: '3', RATE_LIMIT_REQUEST: '5', RATE_LIMIT_PATIENCE_MS: '10000' };
/** Of an API whose Redis goes away. */
const IMPATIENT = { ...LIMITS, RATE_LIMIT_PATIENCE_MS: '50' };

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi(LIMITS));
});
after(() => stack.stop());

const signIn = async (at = url): Promise<ApiClient> => createApiClient(at, (await stack.createUser()).token);
const submit = (api: ApiClient) => api.generate({ prompt: 'A fox' });
async function repeat(times: number, ask: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let n = 0; n < times; n++) answers.push(await ask());
  return answers;
}
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status);

describe('a caller', () => {
  it('is told the policy and what is left of it, and refused when that is nothing', async () => {
    const api = await signIn();

    const answers = await repeat(4, () => submit(api));

    assert.deepEqual(statusesOf(answers), [202, 202, 202, 429]);
    const last = answers[2];
    assert.match(last?.headers.get('ratelimit-policy') ?? '', /^"submit"; q=3; w=60; pk=:.+:$/);
    assert.match(last?.headers.get('ratelimit') ?? '', /^"submit"; r=0; t=\d+$/);
    const refused = answers[3] as Answer;
    assertProblem(refused, 429, 'rate_limited');
    assert.match(refused.body.detail, /"submit" allows 3 requests a minute/);
    const seconds = Number(refused.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  });

  it('that is refused has written nothing', async () => {
    const api = await signIn();
    const before = await countRows();
    await repeat(5, () => submit(api));

    assert.equal((await countRows()) - before, 3);
  });

  it('may still read when no submit is left, and is limited in that, too', async () => {
    const api = await signIn();
    await repeat(4, () => submit(api));

    const answers = await repeat(6, () => api.history());

    assert.deepEqual(statusesOf(answers), [200, 200, 200, 200, 200, 429]);
    assert.match(answers[0]?.headers.get('ratelimit-policy') ?? '', /^"request"; q=5/);
  });

  it('is limited over all APIs together, by key and by token alike', async () => {
    const user = await stack.createUser();
    const elsewhere = await stack.startApi(LIMITS);
    const key = await fetch(`${url}/ai/api-keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      body: '{"name":"script"}',
    });
    const { secret } = (await key.json()) as { secret: string };

    const answers = [
      ...(await repeat(2, () => submit(createApiClient(url, user.token)))),
      ...(await repeat(2, () => submit(createApiClient(elsewhere.url, secret)))),
    ];

    assert.deepEqual(statusesOf(answers), [202, 202, 202, 429]);
  });

  it('has one limit for submits, however the path is spelled', async () => {
    const { token } = await stack.createUser();
    const send = (path: string) =>
      fetch(url + path, {
        method: 'POST',
        body: '{"prompt":"A fox"}',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      });

    const statuses: number[] = [];
    for (const path of ['/ai/generate', '/ai/GENERATE', '/AI/Generate/', '/ai/generatE']) {
      statuses.push((await send(path)).status);
    }

    assert.deepEqual(statuses, [202, 202, 202, 429]);
  });

  it('does not use up what others have', async () => {
    const [one, other] = [await signIn(), await signIn()];
    await repeat(4, () => submit(one));

    assert.equal((await submit(other)).status, 202);
  });

  it('with a bad token is refused for that', async () => {
    assertProblem(await submit(createApiClient(url, 'a.b.c')), 401, 'unauthorized');
  });
});

describe('nobody is limited', () => {
  it('who is an admin', async () => {
    const admin = createApiClient(url, stack.serviceRoleKey);

    const answers = await repeat(5, () => submit(admin));

    assert.deepEqual(new Set(statusesOf(answers)), new Set([202]));
    assert.equal(answers[0]?.headers.get('ratelimit'), null);
  });

  it('where the limits are off', async () => {
    const open = await stack.startApi({ RATE_LIMIT_SUBMIT: '0', RATE_LIMIT_REQUEST: '0' });
    const api = await signIn(open.url);

    assert.deepEqual(new Set(statusesOf(await repeat(8, () => submit(api)))), new Set([202]));
  });
});

describe('without Redis', () => {
  it('requests pass, that is told once, and they are counted again when it is back', async () => {
    const redis: TcpProxy = await startTcpProxy(addressOf(stack.env.REDIS_URL));
    const { log, lines } = createLogLines();
    const REDIS_URL = throughProxy(stack.env.REDIS_URL, redis);
    const api = await signIn((await stack.startApi({ ...IMPATIENT, REDIS_URL }, log)).url);
    await waitFor('a counted request', async () =>
      (await api.history()).headers.get('ratelimit')?.includes('r=4'),
    );

    redis.cut();
    const answers = await repeat(8, () => submit(api));
    // Another policy of the same Redis.
    assert.equal((await api.history()).status, 200);
    redis.restore();

    assert.deepEqual(new Set(statusesOf(answers)), new Set([202]));
    await waitFor('the limit to be back', async () => (await submit(api)).status === 429);
    const told = lines.map(({ msg }) => msg).filter((msg) => msg?.startsWith('rate_limit.'));
    // On a busy machine Redis may be late by itself, too; each time that is told as it begins and ends.
    assert.ok(told.length >= 2);
    assert.deepEqual(
      told,
      told.map((_, nth) => (nth % 2 === 0 ? 'rate_limit.away' : 'rate_limit.back')),
    );
    await redis.close();
  });

  it('that was away when the API started, limits begin when it is there', async () => {
    const redis = await startTcpProxy(addressOf(stack.env.REDIS_URL));
    redis.cut();
    const REDIS_URL = throughProxy(stack.env.REDIS_URL, redis);
    const api = await signIn((await stack.startApi({ ...IMPATIENT, REDIS_URL })).url);
    assert.equal((await submit(api)).status, 202);

    redis.restore();

    await waitFor('the limit to be there', async () => (await submit(api)).status === 429);
    await redis.close();
  });
});

async function countRows(): Promise<number> {
  const [row] = await stack.sql<{ rows: number }>(
    'select count(*)::int as rows from public.generated_images',
  );
  return row?.rows ?? 0;
}

function addressOf(redisUrl = '') {
  const { hostname, port } = new URL(redisUrl);
  return { host: hostname, port: Number(port) };
}
