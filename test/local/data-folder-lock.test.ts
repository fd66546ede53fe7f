import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lockDataFolder } from '../../src/local/data-folder-lock.ts';
import { identifyProcess } from '../../src/local/process-identity.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const root = makeTempFolder();
const lockModule = fileURLToPath(new URL('../../src/local/data-folder-lock.ts', import.meta.url));
let folders = 0;
after(() => rmSync(root, { recursive: true, force: true }));

test('a data folder that is in use is refused with its holder named', () => {
  const folder = makeFolder();
  const release = lockDataFolder(folder);
  assert.throws(() => lockDataFolder(folder), new RegExp(`Another Darkroom \\(process ${process.pid}\\)`));
  release();
  lockDataFolder(folder)();
  assert.equal(existsSync(join(folder, 'lock')), false);
});

test('the lock of a process that has ended is taken over', () => {
  const folder = makeFolder();
  const { pid } = spawnSync('true');
  symlinkSync(`${pid} whenever`, join(folder, 'lock'));
  lockDataFolder(folder)();
});

test('the lock of a process whose pid now belongs to another is taken over', () => {
  const folder = makeFolder();
  symlinkSync(`${process.pid} at another time`, join(folder, 'lock'));
  lockDataFolder(folder)();
});

test('of many that find the lock of a dead holder at once, one gets the folder', async () => {
  const folder = makeFolder();
  symlinkSync('1 at another time', join(folder, 'lock'));
  const script = `
    const { lockDataFolder } = await import(${JSON.stringify(lockModule)});
    try { lockDataFolder(process.argv[1]); process.stdout.write('held'); } catch { process.stdout.write('refused'); }
    process.stdin.resume();`;
  const rivals = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', script, folder], { stdio: 'pipe' }),
  );
  const outcomes = await Promise.all(rivals.map(async ({ stdout }) => String(await once(stdout, 'data'))));
  for (const rival of rivals) rival.stdin.end();
  assert.deepEqual(outcomes.toSorted(), ['held', ...Array(5).fill('refused')]);
});

test('a process that never was has no identity', () => {
  assert.equal(identifyProcess(2 ** 22 + 1), null);
  assert.ok(identifyProcess(process.pid));
});

function makeFolder(): string {
  const folder = join(root, String(++folders));
  mkdirSync(folder);
  return folder;
}
