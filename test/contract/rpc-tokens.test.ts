import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type JWTPayload, SignJWT } from 'jose';
import { type ContractTarget, type PlainAnswer, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
let whoami: string;
before(async () => {
  target = await startContractTarget();
  whoami = target.name('whoami');
  await target.define(
    `create function public.${whoami}() returns text language sql as 'select current_user'`,
  );
});
after(() => target.close());

function sign(claims: JWTPayload, secret = target.jwtSecret): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

function callWith(authorization: string): Promise<PlainAnswer> {
  return target.call(whoami, {}, { headers: { authorization } });
}

function codeOf({ status, text, headers }: PlainAnswer): unknown[] {
  return [status, JSON.parse(text).code, headers.get('www-authenticate')];
}

const now = () => Math.floor(Date.now() / 1000);
const challenge = (message: string) => `Bearer error="invalid_token", error_description="${message}"`;

describe('the token of a function call', () => {
  it('is the role anon when there is none', async () => {
    const response = await fetch(`${target.url}/rest/v1/rpc/${whoami}`, {
      method: 'POST',
      headers: { apikey: target.anonKey },
    });
    assert.equal(await response.text(), '"anon"');
  });

  it('is the role anon when it names none', async () => {
    assert.equal((await callWith(`Bearer ${await sign({ sub: 'x' })}`)).text, '"anon"');
  });

  it('counts for 30 seconds after it expired', async () => {
    const token = await sign({ role: 'service_role', exp: now() - 20 });
    assert.equal((await callWith(`Bearer ${token}`)).text, '"service_role"');
  });

  it('is 401 PGRST303 when it expired longer ago', async () => {
    const answer = await callWith(`Bearer ${await sign({ role: 'service_role', exp: now() - 60 })}`);
    assert.deepEqual(codeOf(answer), [401, 'PGRST303', challenge('JWT expired')]);
  });

  it('is 401 PGRST303 when its time has not come', async () => {
    const answer = await callWith(`Bearer ${await sign({ role: 'service_role', nbf: now() + 60 })}`);
    assert.deepEqual(codeOf(answer), [401, 'PGRST303', challenge('JWT not yet valid')]);
  });

  it('is 401 PGRST301 with a signature of another secret', async () => {
    const answer = await callWith(`Bearer ${await sign({ role: 'service_role' }, 'another secret')}`);
    assert.deepEqual(codeOf(answer), [401, 'PGRST301', challenge('No suitable key or wrong key type')]);
  });

  it('is 401 PGRST301 when it is garbage', async () => {
    const answer = await callWith('Bearer garbage');
    assert.deepEqual(codeOf(answer), [401, 'PGRST301', challenge('Expected 3 parts in JWT; got 1')]);
  });

  it('is 401 PGRST301 with algorithm none', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const answer = await callWith(`Bearer ${part({ alg: 'none' })}.${part({ role: 'service_role' })}.`);
    assert.deepEqual(codeOf(answer).slice(0, 2), [401, 'PGRST301']);
  });

  it('is 401 22023 when its role does not exist', async () => {
    const { status, text } = await callWith(`Bearer ${await sign({ role: 'nobody_there' })}`);
    assert.deepEqual([status, JSON.parse(text).code], [401, '22023']);
  });

  it('cannot be the superuser', async () => {
    const { status, text } = await callWith(`Bearer ${await sign({ role: 'postgres' })}`);
    assert.deepEqual([status, JSON.parse(text).code], [403, '42501']);
  });

  it('gives its subject to auth.uid()', async () => {
    const name = target.name('uid');
    await target.define(`create function public.${name}() returns uuid language sql as 'select auth.uid()'`);
    const sub = '018f0000-0000-7000-8000-000000000001';
    const authorization = `Bearer ${await sign({ role: 'authenticated', sub })}`;
    assert.equal((await target.call(name, {}, { headers: { authorization } })).text, `"${sub}"`);
  });
});

it('the project publishes no keys, its secret being shared', async () => {
  const response = await fetch(`${target.url}/auth/v1/.well-known/jwks.json`, {
    headers: { apikey: target.anonKey },
  });
  assert.deepEqual(await response.json(), { keys: [] });
});
