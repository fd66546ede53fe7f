import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { findFreePorts } from '../../src/local/free-ports.ts';
import { stopOrphans } from '../../src/local/orphans.ts';
import { readPidFiles } from '../../src/local/pid-files.ts';
import { canReach, choosePostgresHome, findNobody } from '../../src/local/postgres-home.ts';
import { isRunning } from '../../src/local/process-identity.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const root = makeTempFolder();
const program = fileURLToPath(new URL('postgres-parent.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
let folders = 0;
after(() => rmSync(root, { recursive: true, force: true }));

test('a killed initdb leaves nothing that the next run stumbles over', async () => {
  const dataDir = makeFolder();
  const first = await startParent(dataDir);
  await waitFor(
    'initdb to be at work',
    () => unfinishedClusters(dataDir).length > 0 && readPidFiles(join(dataDir, 'run')).length > 1,
  );
  const records = readPidFiles(join(dataDir, 'run'));
  first.kill('SIGKILL');
  await stopOrphans(join(dataDir, 'run'));
  assert.ok(!records.some(isRunning));
  assert.equal(existsSync(join(dataDir, 'postgres', 'PG_VERSION')), false);

  const second = await startParent(dataDir);
  assert.equal(await ask(await urlOf(second), 'select 1 as answer'), 1);
  assert.deepEqual(unfinishedClusters(dataDir), []);
  await stop(second);
});

test('a database keeps its rows and its encoding over a kill -9 and a restart', async () => {
  const dataDir = await copyCluster();
  const first = await startParent(dataDir);
  const url = await urlOf(first);
  await ask(url, "create table kept as select 'ÄÖÜ' as answer; checkpoint");
  first.kill('SIGKILL');
  await stopOrphans(join(dataDir, 'run'));

  const second = await startParent(dataDir);
  assert.equal(await ask(await urlOf(second), 'select lower(answer) as answer from kept'), 'äöü');
  await stop(second);
});

test('a Postgres that no pid file names is stopped by the next start', async () => {
  const dataDir = await copyCluster();
  const first = await startParent(dataDir);
  await urlOf(first);
  const records = readPidFiles(join(dataDir, 'run'));
  for (const { name, pid } of records) if (name === 'watchdog') process.kill(pid, 'SIGKILL');
  first.kill('SIGKILL');
  rmSync(join(dataDir, 'run'), { recursive: true });

  const second = await startParent(dataDir);
  assert.equal(await ask(await urlOf(second), 'select 1 as answer'), 1);
  await stop(second);
  assert.ok(!records.some(isRunning));
});

test('a postmaster.pid whose number now belongs to a stranger does not keep Postgres from starting', async () => {
  const dataDir = await copyCluster();
  const first = await startParent(dataDir);
  await urlOf(first);
  await stop(first);
  writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${process.pid}\n/elsewhere\n`);

  const second = await startParent(dataDir);
  assert.equal(await ask(await urlOf(second), 'select 1 as answer'), 1);
  await stop(second);
});

if (!isRoot) {
  test('Postgres lives in the data folder and runs as its user', () => {
    const dataDir = makeFolder();
    const home = choosePostgresHome(dataDir);
    assert.equal(home.data, join(dataDir, 'postgres'));
    assert.equal(home.user, undefined);
  });
}

if (isRoot) {
  test('for root, Postgres lives in the data folder when nobody can enter it', () => {
    const dataDir = makeFolder();
    const home = choosePostgresHome(dataDir);
    assert.equal(home.data, join(dataDir, 'postgres'));
    assert.deepEqual(home.user, findNobody());
    assert.ok(canReach(findNobody(), join(home.programs, 'bin', 'initdb')));
  });

  test('for root, Postgres lives elsewhere, with a link, when the folders above are closed', async () => {
    const closed = makeFolder();
    chmodSync(closed, 0o700);
    const dataDir = join(closed, 'data');
    const parent = await startParent(dataDir);
    assert.equal(await ask(await urlOf(parent), 'select 1 as answer'), 1);
    await stop(parent);
    const data = readlinkSync(join(dataDir, 'postgres'));
    assert.equal(choosePostgresHome(dataDir).data, data);

    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir);
    assert.notEqual(choosePostgresHome(dataDir).data, data, 'a new data folder begins with a new database');
    assert.equal(existsSync(data), false);
    rmSync(dirname(data), { recursive: true });
  });

  test('root goes on with the data of another user as that user', () => {
    const dataDir = makeFolder();
    mkdirSync(join(dataDir, 'postgres'));
    chownSync(join(dataDir, 'postgres'), 12_345, 12_345);
    assert.deepEqual(choosePostgresHome(dataDir).user, { uid: 12_345, gid: 12_345 });
  });

  if (canReach(findNobody(), dirname(program))) {
    test('a user who is not root runs Postgres too', async () => {
      const dataDir = await copyCluster();
      const nobody = findNobody();
      chownSync(dataDir, nobody.uid, nobody.gid);
      const parent = await startParent(dataDir, nobody);
      assert.equal(await ask(await urlOf(parent), 'select 1 as answer'), 1);
      await stop(parent);
    });
  }
}

/** A data folder whose cluster was made before: initdb takes seconds. */
async function copyCluster(): Promise<string> {
  const template = join(root, 'template');
  if (!existsSync(template)) {
    const parent = await startParent(template);
    await urlOf(parent);
    await stop(parent);
  }
  const dataDir = makeFolder();
  spawnSync('cp', ['-Rp', join(template, 'postgres'), dataDir]);
  return dataDir;
}

async function startParent(dataDir: string, user?: { uid: number; gid: number }): Promise<ChildProcess> {
  const [port] = await findFreePorts(1);
  return spawn(process.execPath, [program, dataDir, String(port)], {
    ...user,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function urlOf(parent: ChildProcess): Promise<string> {
  const [url] = await Promise.race([
    once(parent.stdout ?? parent, 'data'),
    once(parent, 'exit').then(([code]) => Promise.reject(new Error(`the parent ended with ${code}`))),
  ]);
  return String(url);
}

async function stop(parent: ChildProcess): Promise<void> {
  parent.kill('SIGTERM');
  assert.deepEqual(await once(parent, 'exit'), [0, null]);
}

async function ask(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(statement);
    return rows?.[0]?.answer;
  } finally {
    await client.end();
  }
}

function unfinishedClusters(dataDir: string): string[] {
  return existsSync(dataDir) ? readdirSync(dataDir).filter((name) => name.startsWith('postgres.init-')) : [];
}

function makeFolder(): string {
  const folder = join(root, `folder ${++folders}`);
  mkdirSync(folder);
  return folder;
}
