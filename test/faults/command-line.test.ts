import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { startDarkroom } from '../cli/darkroom.ts';
import type { Row } from '../support/generations.ts';
import { waitFor } from '../support/wait-for.ts';
import { startFaultStack } from './fault-stack.ts';
import { assertInvariants } from './invariants.ts';

const IMAGES = 1_000;
/** Half a minute on two idle cores, of which the processes of this test want more. */
const LIMIT = { timeout: 150_000 };
const PATIENCE_MS = 60_000;

it(
  'a table of 1,000 prompts becomes 1,000 files, though API, worker and command are killed on the way',
  LIMIT,
  async (t) => {
    const stack = await startFaultStack(t);
    const { token } = await stack.base.createUser();
    const [port = 0] = await findFreePorts(1);
    const PORT = String(port);
    const cwd = mkdtempSync(join(tmpdir(), 'darkroom-cli-'));
    t.after(async () => rmSync(cwd, { recursive: true, force: true }));
    const of = randomUUID();
    // Each of another size, so that no file passes for another one.
    const rows = Array.from(
      { length: IMAGES },
      (_, n) => `row-${n},"A harbour, ""at dawn"" [[sim:bytes=${1_024 + n}; key=${of}-${n}]]"`,
    );
    writeFileSync(join(cwd, 'prompts.csv'), `custom_id,prompt\n${rows.join('\n')}\n`);
    const env = { DARKROOM_URL: `http://127.0.0.1:${PORT}`, DARKROOM_TOKEN: token };
    const run = () => startDarkroom(['batch', 'prompts.csv', '--wait', '--out', 'images'], { env, cwd });
    const saved = () => {
      const names = readdirSync(join(cwd, 'images'));
      return names.filter((name) => name.endsWith('.png')).length;
    };

    const first = await stack.startApi({ PORT, FAILPOINTS: 'api.after_batch_seal' });
    const killed = run();
    assert.equal((await first.ended).signal, 'SIGKILL');
    const second = await stack.startApi({ PORT });
    const worker = await stack.startWorker({ WORKER_CONCURRENCY: '8' });
    await waitFor('the first files', () => saved() > 100, PATIENCE_MS);
    await worker.kill();
    const [other] = await Promise.all([stack.startWorker({ WORKER_CONCURRENCY: '8' }), second.kill()]);
    await stack.startApi({ PORT });
    await waitFor('more files', () => saved() > 300, PATIENCE_MS);
    killed.child.kill('SIGKILL');
    await killed.ended;
    assert.ok(saved() < IMAGES);
    const { code, stdout, stderr } = await run().ended;

    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`files +${IMAGES} in images \\(\\d+ were there already\\)`));
    const images = await stack.base.sql<Row & { custom_id: string; sha256: string }>(
      'select * from public.generated_images',
    );
    assert.equal(images.length, IMAGES);
    for (const { custom_id: name, sha256 } of images) {
      const bytes = readFileSync(join(cwd, 'images', `${name}.png`));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    }
    const left = readdirSync(join(cwd, 'images')).filter((name) => name !== '.darkroom');
    assert.equal(left.length, IMAGES);
    await assertInvariants(stack);
    assert.equal((await other.terminate()).code, 0);
  },
);
