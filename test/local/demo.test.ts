import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type PidFile, readPidFiles } from '../../src/local/pid-files.ts';
import { isRunning } from '../../src/local/process-identity.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const demoProgram = fileURLToPath(new URL('../../src/local/demo-main.ts', import.meta.url));
const exitWithParent = new URL('../support/exit-with-parent.ts', import.meta.url).href;
const dataDir = join(makeTempFolder(), 'demo data');
const runFolder = join(dataDir, 'run');
const STACK = ['worker', 'api', 'gemini-simulator', 'supabase', 'postgres', 'redis', 'watchdog'];
after(() => rmSync(join(dataDir, '..'), { recursive: true, force: true }));

test('--once prints nothing but a succeeded record and leaves nothing running', async () => {
  const demo = startDemo('--once');
  assert.equal(await demo.exitCode, 0, demo.stderr());
  const record = JSON.parse(demo.stdout());
  assert.equal(record.status, 'succeeded');
  assert.equal(record.reference_images_count, 3);
  assert.match(demo.stderr(), /SIMULATOR/);
  assert.match(demo.stderr(), /pending[\s\S]*processing[\s\S]*succeeded/);
  assert.deepEqual(readPidFiles(runFolder), []);
});

test('while the demo serves a second one is refused; Ctrl-C stops it with exit code 0', async () => {
  const demo = startDemo();
  const records = await untilServing(demo);
  const second = startDemo('--once');
  assert.equal(await second.exitCode, 1);
  assert.match(second.stderr(), /Another Darkroom \(process \d+\) already uses/);
  assert.match(demo.stderr(), /\nexport ADMIN_TOKEN=\S+\n$/, 'the addresses are what is left on the screen');
  assert.equal(demo.stdout(), '');
  assert.equal(await addDataset(demo.stderr()), 201);
  assert.ok((await listImages(demo.stderr())).includes('Modern coffee shop interior'));
  assert.equal(await countWorkers(demo.stderr()), 1);
  demo.process.kill('SIGINT');
  assert.equal(await demo.exitCode, 0, demo.stderr());
  assert.ok(!records.some(isRunning));
});

test('a worker that dies is told with the end of its log, exit code 1 and nothing left', async () => {
  const demo = startDemo();
  const records = await untilServing(demo);
  process.kill(records.find(({ name }) => name === 'worker')?.pid ?? 0, 'SIGKILL');
  assert.equal(await demo.exitCode, 1);
  assert.match(demo.stderr(), /worker has stopped \(killed by SIGKILL\)\.\nThe end of .*worker\.log/);
  assert.ok(!records.some(isRunning));
});

test('a kill -9 while it starts leaves no process and data that the next run accepts', async () => {
  const demo = startDemo();
  await waitFor('the API to be started', () => readPidFiles(runFolder).some(({ name }) => name === 'api'));
  const records = readPidFiles(runFolder);
  demo.process.kill('SIGKILL');
  const next = startDemo('--once');
  assert.equal(await next.exitCode, 0, next.stderr());
  assert.ok(!records.some(isRunning));
});

test('a flag that it does not know is answered with the usage and exit code 2', () => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [demoProgram, '--twice'], {
    encoding: 'utf8',
  });
  assert.equal(status, 2);
  assert.match(stderr, /--twice[\s\S]*Usage: script\/demo/);
  assert.equal(stdout, '');
});

/** What the demo says to copy into another shell. */
function readExports(guide: string) {
  const exported = /^export API=(\S+)\nexport TOKEN=(\S+)\nexport ADMIN_TOKEN=(\S+)$/m.exec(guide) ?? [];
  const [, api, token, adminToken] = exported;
  return { api, token, adminToken };
}

/** As an admin who has copied it. Answers how many workers live. */
async function countWorkers(guide: string): Promise<number> {
  const { api, adminToken } = readExports(guide);
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await fetch(`${api}/admin/workers`, { headers });
  const { items } = (await answer.json()) as { items: { alive: boolean }[] };
  return items.filter(({ alive }) => alive).length;
}

/** As a user who has copied it. Answers the status. */
async function addDataset(guide: string): Promise<number> {
  const { api, token } = readExports(guide);
  const answer = await fetch(`${api}/ai/datasets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"name": "Coffee"}',
  });
  return answer.status;
}

/** The prompts that a user finds who has copied it. */
async function listImages(guide: string): Promise<string[]> {
  const { api, token } = readExports(guide);
  const answer = await fetch(`${api}/ai/generated-images`, { headers: { authorization: `Bearer ${token}` } });
  const { items } = (await answer.json()) as { items: { prompt: string }[] };
  return items.map(({ prompt }) => prompt);
}

type Demo = {
  process: ChildProcess;
  exitCode: Promise<number | null>;
  stdout: () => string;
  stderr: () => string;
};

/** The environment names a real key in nobody's tests: the simulator draws. */
function startDemo(...flags: string[]): Demo {
  const child = spawn(
    process.execPath,
    ['--import', exitWithParent, demoProgram, '--data-dir', dataDir, ...flags],
    {
      env: { ...process.env, GEMINI_API_KEY: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    texts.stdout += data;
  });
  child.stderr.on('data', (data) => {
    texts.stderr += data;
  });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, exitCode, stdout: () => texts.stdout, stderr: () => texts.stderr };
}

async function untilServing(demo: Demo): Promise<PidFile[]> {
  await waitFor(
    'the demo to serve',
    () => {
      if (demo.process.exitCode !== null) throw new Error(demo.stderr());
      return /^export ADMIN_TOKEN=\S+$/m.test(demo.stderr());
    },
    50_000,
  );
  const records = readPidFiles(runFolder);
  assert.deepEqual(
    records.map(({ name }) => name),
    STACK,
  );
  return records;
}
