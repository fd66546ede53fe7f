import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, assertProblem, countWritten, createApiClient, GENERATE, IMAGES } from './api-client.ts';

let stack: TestStack;
let url: string;
let user: { id: string; token: string };
before(async () => {
  // Anonymous use is on, so that a bad token has somewhere to fall back to, which it must not.
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  user = await stack.createUser();
});
after(() => stack.stop());

const now = () => Math.floor(Date.now() / 1000);
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of the project's own secret, with these claims in place of the usual ones. */
async function sign(claims: Record<string, unknown>, secret = String(stack.env.SUPABASE_JWT_SECRET)) {
  const usual = {
    iss: `${stack.supabaseUrl}/auth/v1`,
    aud: 'authenticated',
    role: 'authenticated',
    sub: user.id,
    iat: now(),
    exp: now() + 3_600,
  };
  const given = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(given))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

async function askWith(authorization: string): Promise<Answer[]> {
  const api = createApiClient(url);
  return [
    await api.generate({ prompt: 'A fox' }, { authorization }),
    await api.get(IMAGES, { authorization }),
    await api.get(`${IMAGES}/${randomUUID()}`, { authorization }),
  ];
}

async function assertRefused(authorization: string): Promise<void> {
  const before = await countWritten(stack);
  for (const answer of await askWith(authorization)) {
    assertProblem(answer, 401, 'unauthorized');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
  }
  assert.deepEqual(await countWritten(stack), before);
}

describe('a token of the project', () => {
  it('is its user, whose id goes on the row', async () => {
    const record = await createApiClient(url, user.token).submit();

    const [row] = await stack.sql('select user_id, lane_key from generated_images where id = $1', [
      record.id,
    ]);
    assert.deepEqual(row, { user_id: user.id, lane_key: `user:${user.id}` });
  });

  for (const [name, scheme] of [
    ['in small letters', 'bearer '],
    ['with two spaces', 'Bearer  '],
  ] as const) {
    it(`is taken with the scheme ${name}`, async () => {
      const answer = await createApiClient(url).get(IMAGES, { authorization: scheme + user.token });

      assert.equal(answer.status, 200);
    });
  }

  it('is taken a few seconds beyond its end, as clocks differ', async () => {
    const answer = await createApiClient(url, await sign({ exp: now() - 1 })).history();

    assert.equal(answer.status, 200);
  });
});

describe('a token is refused, and is nobody, when it', () => {
  const bad: [name: string, claims: () => Record<string, unknown>][] = [
    ['has expired', () => ({ exp: now() - 60 })],
    ['never expires', () => ({ exp: undefined })],
    ['is not valid yet', () => ({ nbf: now() + 60 })],
    ['is of another issuer', () => ({ iss: 'https://other.example/auth/v1' })],
    ['is of no issuer', () => ({ iss: undefined })],
    ['is for another audience', () => ({ aud: 'other' })],
    ['is for no audience', () => ({ aud: undefined })],
    ['is of the role anon', () => ({ role: 'anon' })],
    ['is of the role service_role', () => ({ role: 'service_role' })],
    ['is of no role', () => ({ role: undefined })],
    ['names nobody', () => ({ sub: undefined })],
    ['names nobody by an empty id', () => ({ sub: '' })],
    ['names somebody by no UUID', () => ({ sub: 'admin' })],
  ];
  for (const [name, claims] of bad) {
    it(name, async () => {
      await assertRefused(`Bearer ${await sign(claims())}`);
    });
  }

  it('is signed with another secret', async () => {
    await assertRefused(`Bearer ${await sign({}, 'another secret of more than 32 characters')}`);
  });

  it('was changed after it was signed', async () => {
    const [header, payload, signature] = user.token.split('.');
    const claims = JSON.parse(Buffer.from(String(payload), 'base64url').toString());
    const other = { ...claims, sub: randomUUID() };

    await assertRefused(`Bearer ${header}.${base64url(other)}.${signature}`);
  });

  it('is not signed', async () => {
    const payload = user.token.split('.')[1];

    for (const alg of ['none', 'None', 'NONE']) {
      await assertRefused(`Bearer ${base64url({ alg })}.${payload}.`);
      await assertRefused(`Bearer ${base64url({ alg })}.${payload}.${user.token.split('.')[2]}`);
    }
  });

  it('is signed well, but with an algorithm that is not used', async () => {
    const content = `${base64url({ alg: 'HS512' })}.${user.token.split('.')[1]}`;
    const signature = createHmac('sha512', String(stack.env.SUPABASE_JWT_SECRET)).update(content);

    await assertRefused(`Bearer ${content}.${signature.digest('base64url')}`);
  });

  it('is the public key of the project, which names no user', async () => {
    await assertRefused(`Bearer ${stack.anonKey}`);
  });

  it('says that it is of the service, without being its key', async () => {
    await assertRefused(`Bearer ${await sign({ role: 'service_role', sub: undefined })}`);
    await assertRefused(`Bearer ${stack.serviceRoleKey}x`);
  });
});

describe('an Authorization header is refused, and is nobody, when it', () => {
  const headers: [name: string, header: () => string][] = [
    ['is empty', () => ''],
    ['has no token', () => 'Bearer'],
    ['has an empty token', () => 'Bearer '],
    ['is another scheme', () => `Basic ${Buffer.from('user:password').toString('base64')}`],
    ['is a token without a scheme', () => user.token],
    ['has two tokens', () => `Bearer ${user.token} ${user.token}`],
    ['is two headers', () => `Bearer ${user.token}, Bearer ${user.token}`],
    ['is garbage', () => 'Bearer garbage'],
    ['is garbage with dots', () => 'Bearer a.b.c'],
    ['is an empty object', () => 'Bearer e30.e30.e30'],
    ['is JSON that is none', () => 'Bearer bm8.bm8.bm8'],
    ['is dots', () => 'Bearer ..'],
    ['is very long', () => `Bearer ${'a'.repeat(6_000)}`],
  ];
  for (const [name, header] of headers) {
    it(name, async () => {
      await assertRefused(header());
    });
  }
});

describe('a user who is gone', () => {
  it('can submit nothing more, and sees nothing', async () => {
    const gone = await stack.createUser();
    const api = createApiClient(url, gone.token);
    const { id } = await api.submit();
    await stack.sql('delete from auth.users where id = $1', [gone.id]);
    const before = await countWritten(stack);

    const submitted = await api.send('POST', GENERATE, {
      headers: { 'content-type': 'application/json' },
      body: '{"prompt":"A fox"}',
    });

    assertProblem(submitted, 401, 'unauthorized');
    assert.match(submitted.headers.get('www-authenticate') ?? '', /^Bearer/);
    assert.deepEqual(await countWritten(stack), before);
    assertProblem(await api.read(id), 404, 'not_found');
    assert.deepEqual((await api.history()).body.items, []);
  });
});
