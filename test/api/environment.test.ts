import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type ApiProcess, startApiProcess } from './api-process.ts';

const SECRET = 'marker-of-a-secret';
/** All that is required; nothing of it is there. */
const env = {
  SUPABASE_URL: 'http://127.0.0.1:1',
  SUPABASE_SERVICE_ROLE_KEY: SECRET,
  REDIS_URL: 'redis://127.0.0.1:1',
};

const processes: ApiProcess[] = [];
after(async () => {
  for (const one of processes) await one.stop();
});

function start(environment: Record<string, string>): ApiProcess {
  const started = startApiProcess(environment);
  processes.push(started);
  return started;
}

describe('a wrong environment', { concurrency: true }, () => {
  it('is told at once, every problem of it, and nothing starts', async () => {
    const { code, stdout, stderr } = await start({
      SUPABASE_URL: `ftp://${SECRET}`,
      SUPABASE_PUBLIC_URL: SECRET,
      SUPABASE_JWT_SECRET: SECRET,
      SUPABASE_JWKS_URL: SECRET,
      REDIS_URL: `http://user:${SECRET}@127.0.0.1`,
      QUEUE_PREFIX: `a b ${SECRET}`,
      PORT: '70000',
      ANONYMOUS_ACCESS: SECRET,
      CORS_ORIGINS: `https://good.example, ${SECRET}`,
      TRUSTED_PROXIES: '-1',
      ADMIN_TOKEN: SECRET,
      WEBHOOK_ENCRYPTION_KEY: SECRET,
      SHUTDOWN_GRACE_MS: '0',
      EXPIRE_EVERY_MS: '1.5',
      DEFAULT_MODEL: SECRET,
      LOG_LEVEL: SECRET,
    }).exited;

    assert.equal(code, 1);
    assert.equal(stdout, '');
    const named = [...stderr.matchAll(/^ {2}([A-Z_]+)/gm)].map((match) => match[1]);
    assert.deepEqual([...new Set(named)].toSorted(), [
      'ADMIN_TOKEN',
      'ANONYMOUS_ACCESS',
      'CORS_ORIGINS',
      'DEFAULT_MODEL',
      'EXPIRE_EVERY_MS',
      'LOG_LEVEL',
      'PORT',
      'QUEUE_PREFIX',
      'REDIS_URL',
      'SHUTDOWN_GRACE_MS',
      'SUPABASE_JWKS_URL',
      'SUPABASE_JWT_SECRET',
      'SUPABASE_PUBLIC_URL',
      'SUPABASE_SERVICE_ROLE_KEY',
      'SUPABASE_URL',
      'TRUSTED_PROXIES',
      'WEBHOOK_ENCRYPTION_KEY',
    ]);
    assert.doesNotMatch(stderr, new RegExp(SECRET));
    assert.doesNotMatch(stderr, /^\s+at |ZodError|node:/m);
  });

  it('says of what is missing that it is required, an empty value being none', async () => {
    const { code, stdout, stderr } = await start({ SUPABASE_URL: '', REDIS_URL: '' }).exited;

    assert.equal(code, 1);
    assert.equal(stdout, '');
    for (const name of ['SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY', 'REDIS_URL']) {
      assert.match(stderr, new RegExp(`^ {2}${name}: is required$`, 'm'));
    }
    assert.equal(stderr.trimEnd().split('\n').length, 4);
  });

  it('says of what is there that it is wrong', async () => {
    const { code, stderr } = await start({ ...env, PORT: 'abc', SHUTDOWN_GRACE_MS: 'soon' }).exited;

    assert.equal(code, 1);
    assert.match(stderr, /PORT/);
    assert.doesNotMatch(stderr, /is required/);
  });

  it('names the file of models that cannot be read, and why', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-models-'));
    const file = join(folder, 'models.json');
    await writeFile(file, '[{"id":"a","aspect_ratios":["wide"]}]');

    const missing = await start({ ...env, MODELS_FILE: `${file}.not` }).exited;
    const wrong = await start({ ...env, MODELS_FILE: file, TRUSTED_PROXIES: 'all' }).exited;
    await rm(folder, { recursive: true });

    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /MODELS_FILE: .*models\.json\.not.*no such file/);
    assert.match(wrong.stderr, /MODELS_FILE: .*models\.json/);
    assert.match(wrong.stderr, /image_usd/);
    assert.match(wrong.stderr, /TRUSTED_PROXIES/);
  });
});
