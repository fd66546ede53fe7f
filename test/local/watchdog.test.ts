import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stopOrphans } from '../../src/local/orphans.ts';
import { type PidFile, readPidFiles, writePidFile } from '../../src/local/pid-files.ts';
import { isRunning } from '../../src/local/process-identity.ts';
import { startWatchdog } from '../../src/local/watchdog-client.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeDeafSleeper, describeSleeper } from './sleeper.ts';

const root = makeTempFolder();
let folders = 0;
after(() => rmSync(root, { recursive: true, force: true }));

test('a stop reaches the programs in reverse order of their start', async () => {
  const { folder, runFolder, watchdog } = await watch();
  for (const name of ['first', 'second', 'third']) await startReady(watchdog, folder, name);
  await watchdog.stop();
  assert.deepEqual(readStopped(folder), ['third', 'second', 'first']);
  assert.deepEqual(readPidFiles(runFolder), []);
});

test('a program that does not hear its stop signal is killed after its grace', async () => {
  const { folder, watchdog } = await watch();
  const deaf = await watchdog.start(describeDeafSleeper('deaf', folder, { graceMs: 200 }));
  await waitForReady(folder, 'deaf');
  await watchdog.stop();
  assert.equal((await deaf.ended).signal, 'SIGKILL');
});

test('a hurried stop waits for no grace', async () => {
  const { folder, watchdog } = await watch();
  const deaf = await watchdog.start(describeDeafSleeper('deaf', folder, { graceMs: 60_000 }));
  await waitForReady(folder, 'deaf');
  const stopped = watchdog.stop();
  watchdog.order('hurry');
  await stopped;
  assert.equal((await deaf.ended).signal, 'SIGKILL');
});

test('a program that ends on its own is reported with its exit code', async () => {
  const { folder, runFolder, watchdog } = await watch();
  const failing = { ...describeSleeper('failing', folder), args: ['-c', 'exit 7'] };
  const { ended } = await watchdog.start(failing);
  assert.deepEqual(await ended, { code: 7, signal: null });
  assert.deepEqual(namesOf(readPidFiles(runFolder)), ['watchdog']);
  await watchdog.stop();
});

test('a program that cannot be started is named', async () => {
  const { folder, watchdog } = await watch();
  const missing = { ...describeSleeper('missing', folder), command: join(folder, 'no such program') };
  await assert.rejects(watchdog.start(missing), /missing cannot be started: .*ENOENT/);
  await watchdog.stop();
});

test('a kill -9 of the parent leaves no process and removes the folder', async () => {
  const folder = makeFolder();
  const removed = makeFolder();
  const { parent, records } = await startParent(folder, removed);
  parent.kill('SIGKILL');
  await waitUntilGone(records);
  assert.deepEqual(readStopped(folder), ['second', 'first']);
  assert.equal(existsSync(removed), false);
});

test("an interrupt of the parent's whole process group reaches only the parent", async () => {
  const { parent, records } = await startParent(makeFolder());
  const said = once(parent.stdout ?? parent, 'data');
  process.kill(-(parent.pid ?? 0), 'SIGINT');
  assert.match(String(await said), /parent was interrupted/);
  assert.ok(records.every(isRunning));
  parent.kill('SIGKILL');
  await waitUntilGone(records);
});

test('the orphans of a parent and a watchdog that were both killed are stopped in order by the next run', async () => {
  const folder = makeFolder();
  const { parent, records } = await startParent(folder);
  const watchdog = records.find(({ name }) => name === 'watchdog');
  process.kill(watchdog?.pid ?? 0, 'SIGKILL');
  parent.kill('SIGKILL');
  await stopOrphans(join(folder, 'run'));
  assert.ok(!records.some(isRunning));
  assert.deepEqual(readStopped(folder), ['second', 'first']);
  assert.deepEqual(readPidFiles(join(folder, 'run')), []);
});

test('a parent whose watchdog was killed stops the orphans itself', async () => {
  const { folder, runFolder, watchdog } = await watch();
  const sleeper = await startReady(watchdog, folder, 'sleeper');
  const records = readPidFiles(runFolder);
  process.kill(watchdog.pid, 'SIGKILL');
  assert.match((await sleeper.ended).error ?? '', /watchdog/);
  await watchdog.stop();
  assert.ok(!records.some(isRunning));
});

test('a process that got the pid of a recorded one is left alone', async () => {
  const { folder, watchdog } = await watch();
  const stranger = await startReady(watchdog, folder, 'stranger');
  const oldRun = join(folder, 'old-run');
  writePidFile(oldRun, {
    name: 'recorded',
    order: 1,
    pid: stranger.pid,
    startedAt: 'at another time',
    stop: stranger.spec.stop,
  });
  await stopOrphans(oldRun);
  process.kill(stranger.pid, 0);
  assert.deepEqual(readPidFiles(oldRun), []);
  await watchdog.stop();
});

test('a program keeps its log of the start before', async () => {
  const { folder, watchdog } = await watch();
  for (const word of ['one', 'two']) {
    const { ended } = await watchdog.start({
      ...describeSleeper('echo', folder),
      args: ['-c', `echo ${word}`],
    });
    await ended;
  }
  assert.equal(readFileSync(join(folder, 'echo.previous.log'), 'utf8'), 'one\n');
  assert.equal(readFileSync(join(folder, 'echo.log'), 'utf8'), 'two\n');
  await watchdog.stop();
});

async function watch() {
  const folder = makeFolder();
  const runFolder = join(folder, 'run');
  return { folder, runFolder, watchdog: await startWatchdog({ runFolder, logFolder: join(folder, 'logs') }) };
}

async function startReady(
  watchdog: Awaited<ReturnType<typeof watch>>['watchdog'],
  folder: string,
  name: string,
) {
  const sleeper = await watchdog.start(describeSleeper(name, folder));
  await waitForReady(folder, name);
  return sleeper;
}

/** A parent of its own process group, with what it started. */
async function startParent(
  folder: string,
  ...more: string[]
): Promise<{ parent: ChildProcess; records: PidFile[] }> {
  const program = fileURLToPath(new URL('watched-parent.ts', import.meta.url));
  const parent = spawn(process.execPath, [program, folder, ...more], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  const records = readPidFiles(join(folder, 'run'));
  assert.deepEqual(namesOf(records), ['second', 'first', 'watchdog']);
  return { parent, records };
}

async function waitUntilGone(records: PidFile[]): Promise<void> {
  await waitFor('all processes to end', () => !records.some(isRunning));
}

async function waitForReady(folder: string, name: string): Promise<void> {
  const log = join(folder, `${name}.log`);
  await waitFor(`${name} to be ready`, () => existsSync(log) && readFileSync(log, 'utf8').includes('ready'));
}

function makeFolder(): string {
  const folder = join(root, `folder ${++folders}`);
  mkdirSync(folder);
  return folder;
}

function readStopped(folder: string): string[] {
  return readFileSync(join(folder, 'stopped'), 'utf8').trim().split('\n');
}

function namesOf(records: PidFile[]): string[] {
  return records.map(({ name }) => name);
}
