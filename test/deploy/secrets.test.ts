import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseEnv, promisify } from 'node:util';
import { jwtVerify } from 'jose';
import { makeTempFolder } from '../support/temp-folder.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = makeTempFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

let checkouts = 0;
/** A folder with what script/secrets needs. */
function makeCheckout(): string {
  checkouts += 1;
  const checkout = join(folder, String(checkouts));
  mkdirSync(join(checkout, 'script'), { recursive: true });
  cpSync(join(root, 'script/secrets'), join(checkout, 'script/secrets'));
  cpSync(join(root, '.env.example'), join(checkout, '.env.example'));
  return checkout;
}

async function makeSecrets(checkout: string): Promise<NodeJS.Dict<string>> {
  await run(join(checkout, 'script/secrets'));
  return parseEnv(readFileSync(join(checkout, '.env'), 'utf8'));
}

describe('script/secrets', () => {
  it('makes keys that the secret signed, for the roles that they are named after', async () => {
    const env = await makeSecrets(makeCheckout());
    const secret = new TextEncoder().encode(env.SUPABASE_JWT_SECRET);
    for (const [key, role] of [
      [env.SUPABASE_ANON_KEY, 'anon'],
      [env.SUPABASE_SERVICE_ROLE_KEY, 'service_role'],
    ] as const) {
      const { payload } = await jwtVerify(key ?? '', secret, { issuer: 'supabase' });
      assert.equal(payload.role, role);
    }
  });

  it('makes passwords that stand in an address as they are, for its owner only', async () => {
    const checkout = makeCheckout();
    const env = await makeSecrets(checkout);
    assert.match(env.POSTGRES_PASSWORD ?? '', /^[0-9a-f]{48}$/);
    assert.match(env.ADMIN_TOKEN ?? '', /^[0-9a-f]{64}$/);
    assert.match(env.WEBHOOK_ENCRYPTION_KEY ?? '', /^[0-9a-f]{64}$/);
    assert.match(env.GRAFANA_PASSWORD ?? '', /^[0-9a-f]{24}$/);
    assert.equal(statSync(join(checkout, '.env')).mode & 0o777, 0o600);
  });

  it('makes nothing anew that is there', async () => {
    const checkout = makeCheckout();
    const first = await makeSecrets(checkout);
    assert.deepEqual(await makeSecrets(checkout), first);
    assert.notEqual((await makeSecrets(makeCheckout())).POSTGRES_PASSWORD, first.POSTGRES_PASSWORD);
  });

  it('adds to an .env that knows none of them, and keeps the rest', async () => {
    const checkout = makeCheckout();
    writeFileSync(join(checkout, '.env'), 'GEMINI_API_KEY=mine\n# a note\n');
    const env = await makeSecrets(checkout);
    assert.equal(env.GEMINI_API_KEY, 'mine');
    assert.ok(env.POSTGRES_PASSWORD && env.SUPABASE_JWT_SECRET && env.SUPABASE_SERVICE_ROLE_KEY);
    assert.match(readFileSync(join(checkout, '.env'), 'utf8'), /^# a note$/m);
  });
});
