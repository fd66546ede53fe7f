import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { apiConfig } from '../../src/api/config.ts';
import { startApi } from '../../src/api/start-api.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { assertProblem, createApiClient, type Json } from './api-client.ts';

type Key = { kid: string; alg: string; privateKey: CryptoKey; publicKey: CryptoKey; jwk: JWK };

let stack: TestStack;
let user: { id: string };
const keys: Record<string, Key> = {};
/** What the endpoint answers; a published key set unless a test says otherwise. */
let answer: { status: number; body: string };
let endpoint: Server;
let jwksUrl: string;

before(async () => {
  stack = await startTestStack();
  user = await stack.createUser();
  for (const alg of ['ES256', 'RS256', 'EdDSA']) keys[alg] = await createKey(alg);
  keys.unpublished = await createKey('ES256');
  const published = [keys.ES256, keys.RS256, keys.EdDSA].map((key) => key?.jwk);
  answer = { status: 200, body: JSON.stringify({ keys: published }) };
  endpoint = createServer((_req, res) =>
    res.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body),
  );
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  jwksUrl = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/jwks.json`;
});
after(async () => {
  await stack.stop();
  endpoint.close();
  endpoint.closeAllConnections();
});

async function createKey(alg: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = crypto.randomUUID();
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const keyOf = (name: string): Key => keys[name] ?? assert.fail(`no key ${name}`);

function signWith(key: CryptoKey | Uint8Array, header: { alg: string; kid?: string }, claims: Json = {}) {
  return new SignJWT({ role: 'authenticated', sub: user.id, ...claims })
    .setProtectedHeader(header)
    .setAudience('authenticated')
    .setIssuer(`${stack.supabaseUrl}/auth/v1`)
    .setExpirationTime(claims.exp ?? '1h')
    .sign(key);
}

const sign = ({ privateKey, alg, kid }: Key, claims: Json = {}) => signWith(privateKey, { alg, kid }, claims);

/** Asks a project that has both published keys and a shared secret. */
async function historyWith(token: string, env: Record<string, string> = {}) {
  const { url } = await stack.startApi({ SUPABASE_JWKS_URL: jwksUrl, ...env });
  return createApiClient(url, token).history();
}

/** Asks a project that has published keys only. */
async function historyWithoutSecret(token: string) {
  const { SUPABASE_JWT_SECRET: _secret, ...env } = stack.env;
  const config = apiConfig.parse({ ...env, SUPABASE_JWKS_URL: jwksUrl });
  const api = await startApi(config, createLogger('api', 'silent'));
  try {
    return await createApiClient(api.url, token).history();
  } finally {
    await api.stop();
  }
}

describe('a token signed with a published key', () => {
  for (const alg of ['ES256', 'RS256', 'EdDSA']) {
    it(`is its user: ${alg}`, async () => {
      const { url } = await stack.startApi({ SUPABASE_JWKS_URL: jwksUrl });

      const { id } = await createApiClient(url, await sign(keyOf(alg))).submit();

      const [row] = await stack.sql('select user_id from generated_images where id = $1', [id]);
      assert.equal(row?.user_id, user.id);
    });
  }

  it('is good beside the shared secret, while keys are being changed over', async () => {
    const { url } = await stack.startApi({ SUPABASE_JWKS_URL: jwksUrl });
    const shared = await stack.signToken({ sub: user.id });

    assert.equal((await createApiClient(url, shared).history()).status, 200);
    assert.equal((await createApiClient(url, await sign(keyOf('ES256'))).history()).status, 200);
  });

  for (const [name, claims] of [
    ['has expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['is of the role service_role', { role: 'service_role' }],
    ['names nobody', { sub: undefined }],
  ] as const) {
    it(`is refused when it ${name}`, async () => {
      assertProblem(await historyWith(await sign(keyOf('ES256'), claims)), 401, 'unauthorized');
    });
  }
});

describe('a token is refused when', () => {
  it('its key is not published', async () => {
    assertProblem(await historyWith(await sign(keyOf('unpublished'))), 401, 'unauthorized');
  });

  it('it names a published key and is signed with another', async () => {
    const { privateKey } = keyOf('unpublished');
    const token = await signWith(privateKey, { alg: 'ES256', kid: keyOf('ES256').kid });

    assertProblem(await historyWith(token), 401, 'unauthorized');
  });

  it('a public key was used as if it were a shared secret', async () => {
    const { publicKey, jwk, kid } = keyOf('RS256');
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), String(jwk.n)]) {
      const token = await signWith(new TextEncoder().encode(secret), { alg: 'HS256', kid });

      assertProblem(await historyWith(token), 401, 'unauthorized');
      assertProblem(await historyWithoutSecret(token), 401, 'unauthorized');
    }
  });

  it('it is signed with the shared secret of a project that has given it up', async () => {
    const token = await stack.signToken({ sub: user.id });

    assertProblem(await historyWithoutSecret(token), 401, 'unauthorized');
  });

  it('it carries its own key', async () => {
    const { privateKey, jwk } = keyOf('unpublished');
    const token = await signWith(privateKey, { alg: 'ES256', jwk, jku: jwksUrl } as { alg: string });

    assertProblem(await historyWith(token), 401, 'unauthorized');
  });
});

describe('while the keys cannot be fetched', () => {
  const outages: [name: string, outage: { status: number; body: string }][] = [
    ['the endpoint fails', { status: 500, body: 'oops' }],
    ['the endpoint is not found', { status: 404, body: '{}' }],
    ['the endpoint answers with a page', { status: 200, body: '<html>' }],
    ['the endpoint answers with something else', { status: 200, body: '{"message":"hello"}' }],
  ];
  for (const [name, outage] of outages) {
    it(`a token may be good or not, so it is 503: ${name}`, async () => {
      const published = answer;
      answer = outage;
      const refused = await historyWith(await sign(keyOf('ES256')));
      answer = published;

      assertProblem(refused, 503, 'temporarily_unavailable');
      assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
    });
  }

  it('a token may be good or not, so it is 503: nobody listens', async () => {
    const refused = await historyWith(await sign(keyOf('ES256')), {
      SUPABASE_JWKS_URL: 'http://127.0.0.1:1/jwks.json',
    });

    assertProblem(refused, 503, 'temporarily_unavailable');
  });

  it('a token of the shared secret is good all the same, and nobody is nobody', async () => {
    const { url } = await stack.startApi({ SUPABASE_JWKS_URL: 'http://127.0.0.1:1/jwks.json' });

    const shared = await stack.signToken({ sub: user.id });

    assert.equal((await createApiClient(url, shared).history()).status, 200);
    assert.equal((await createApiClient(url).history()).status, 200);
  });

  it('the next request asks again', async () => {
    const published = answer;
    const { url } = await stack.startApi({ SUPABASE_JWKS_URL: jwksUrl });
    const api = createApiClient(url, await sign(keyOf('ES256')));
    answer = { status: 500, body: '' };
    const refused = await api.history();
    answer = published;

    assert.equal(refused.status, 503);
    assert.equal((await api.history()).status, 200);
  });
});
