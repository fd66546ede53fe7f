import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { createApiClient, IMAGES, UNKNOWN_ID } from './api-client.ts';
import { captureLog } from './log-capture.ts';
import { DATABASE_AWAY, type RpcProxy, startRpcProxy } from './rpc-proxy.ts';

const MARKER = `marker-${randomUUID()}`;

let stack: TestStack;
let proxy: RpcProxy;
before(async () => {
  stack = await startTestStack();
  proxy = await startRpcProxy(stack.supabaseUrl);
});
after(async () => {
  await stack.stop();
  await proxy.close();
});

async function startLogged(env: Record<string, string> = {}) {
  proxy.restore();
  const issuer = `${stack.supabaseUrl}/auth/v1`;
  const captured = captureLog();
  const { url } = await stack.startApi(
    { SUPABASE_URL: proxy.url, SUPABASE_JWT_ISSUER: issuer, ...env },
    captured.log,
  );
  return { ...captured, url };
}

const refusal = (code: string, details: string) => ({
  status: 400,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ code, details, hint: null, message: 'new row violates check constraint' }),
});

describe('the log', () => {
  it('has one line for each request, by its id, with method, path, status and time', async () => {
    const { url, lines, line } = await startLogged();
    const api = createApiClient(url);
    proxy.decide('search_generations', () => refusal('XX000', ''));

    const id = (name: string) => ({ 'request-id': name });
    await api.generate({ prompt: 'A fox' }, id('good'));
    await api.generate({ prompt: '' }, id('invalid'));
    await api.postRaw('{', id('malformed'));
    await api.get(`${IMAGES}/${UNKNOWN_ID}?a=b`, id('unknown'));
    await api.get('/%E0', id('undecodable'));
    await api.get(IMAGES, { ...id('unauthorized'), authorization: 'Bearer x' });
    await api.get(IMAGES, id('broken'));

    const told = [];
    for (const name of ['good', 'invalid', 'malformed', 'unknown', 'undecodable', 'unauthorized', 'broken']) {
      const message = name === 'broken' ? 'request.failed' : 'request.answered';
      const { req, res, level, responseTime } = await line(message, (one) => one.req?.id === name);
      assert.equal(typeof responseTime, 'number');
      assert.equal(lines.filter((one) => one.req?.id === name).length, 1, name);
      told.push([req.method, req.path, res.status, level]);
    }
    assert.deepEqual(told, [
      ['POST', '/ai/generate', 202, 30],
      ['POST', '/ai/generate', 422, 30],
      ['POST', '/ai/generate', 400, 30],
      ['GET', `${IMAGES}/${UNKNOWN_ID}`, 404, 30],
      ['GET', '/%E0', 404, 30],
      ['GET', IMAGES, 401, 30],
      ['GET', IMAGES, 500, 50],
    ]);
  });

  it('tells the cause of a 500, which the answer does not', async () => {
    const { url, line } = await startLogged();
    proxy.decide('get_generations', () => refusal('XX000', ''));

    const { body } = await createApiClient(url).read(UNKNOWN_ID);

    const told = await line('request.failed', (one) => one.req.id === body.request_id);
    assert.match(told.err.message, /get_generations: XX000/);
    assert.match(told.err.stack, /rpc\.ts/);
  });

  it('holds no prompt, no token, no key and no query, whatever happens', async () => {
    const { url, lines, line } = await startLogged({ REDIS_URL: 'redis://127.0.0.1:1' });
    const { token } = await stack.createUser({ marker: MARKER });
    const user = createApiClient(url, token);
    const nobody = createApiClient(url);
    const fields = { prompt: MARKER, style: MARKER, metadata: { [MARKER]: MARKER } };

    await user.submit(fields);
    await nobody.submit(fields);
    await nobody.generate({ ...fields, quality: MARKER, [MARKER]: MARKER });
    await nobody.postRaw(`{"prompt":"${MARKER}"`);
    await nobody.postRaw(`{"prompt":"${MARKER}"}`, { 'content-encoding': MARKER });
    await user.history(`?cursor=${MARKER}&${MARKER}=1`);
    await nobody.get(IMAGES, {
      authorization: `Bearer ${MARKER}`,
      cookie: MARKER,
      'request-id': `<${MARKER}>`,
    });
    await nobody.get(IMAGES, { authorization: `Bearer ${await stack.signToken({ sub: MARKER })}` });
    proxy.decide('submit_generations', () => refusal('23514', `Failing row contains (${MARKER}).`));
    await user.generate(fields);
    proxy.decide('submit_generations', () => refusal('57014', `while reading ${MARKER}`));
    await user.generate(fields);
    proxy.decide('submit_generations', (call) => ({ status: 200, headers: {}, body: call.args }));
    await user.generate(fields);
    let calls = 0;
    proxy.decide('submit_generations', (call) => (++calls < 3 ? DATABASE_AWAY : call.forward()));
    await user.generate(fields);

    await line('database.away');
    await line('redis.away');
    const text = JSON.stringify(lines);
    for (const secret of [
      MARKER,
      token,
      token.split('.')[2],
      stack.serviceRoleKey,
      stack.env.SUPABASE_JWT_SECRET,
    ]) {
      assert.ok(
        secret && !text.includes(secret),
        lines.map((one) => JSON.stringify(one)).find((one) => one.includes(String(secret))),
      );
    }
    assert.doesNotMatch(text, /authorization|apikey|cookie|eyJ/i);
  });
});
