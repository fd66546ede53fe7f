import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identifyProcess } from '../../src/local/process-identity.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const root = makeTempFolder();
const scripts = fileURLToPath(new URL('../../script', import.meta.url));
let folders = 0;
after(() => rmSync(root, { recursive: true, force: true }));

/** Notes each call; `npm ci` and `npm install` leave what the real ones would. */
const NPM = `#!/bin/sh
echo "$*" >> npm-calls
[ ! -e npm-fails ] || exit 1
[ ! -e npm-hangs ] || { sleep 30 & echo $! > npm-pid; wait; }
case "$1" in
  ci) mkdir -p node_modules ;;
  install)
    mkdir -p "$3/node_modules/node/bin"
    printf '#!/bin/sh\\necho v24.21.0\\n' > "$3/node_modules/node/bin/node"
    chmod +x "$3/node_modules/node/bin/node" ;;
esac
`;

test('packages are installed once, and then nothing is said or done', async () => {
  const checkout = makeCheckout();
  assert.equal((await bootstrap(checkout)).code, 0);
  const again = await bootstrap(checkout);
  assert.deepEqual(again, { code: 0, stdout: '', stderr: '' });
  assert.equal(countCalls(checkout), 1);
});

test('packages are installed again when the lock file changed', async () => {
  const checkout = makeCheckout();
  await bootstrap(checkout);
  writeFileSync(join(checkout, 'package-lock.json'), '{"changed":true}');
  await bootstrap(checkout);
  assert.equal(countCalls(checkout), 2);
});

test('an install that failed is told and done again', async () => {
  const checkout = makeCheckout();
  mkdirSync(join(checkout, 'node_modules'));
  writeFileSync(join(checkout, 'npm-fails'), '');
  const failed = await bootstrap(checkout);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /npm ci failed/);
  rmSync(join(checkout, 'npm-fails'));
  assert.equal((await bootstrap(checkout)).code, 0);
  assert.equal(countCalls(checkout), 2);
});

test('four at once install once', async () => {
  const checkout = makeCheckout();
  const results = await Promise.all(Array.from({ length: 4 }, () => bootstrap(checkout)));
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  assert.equal(countCalls(checkout), 1);
});

test('the lock of a bootstrap that was killed is taken over, even when its pid is in use again', async () => {
  const checkout = makeCheckout();
  mkdirSync(join(checkout, '.tools'));
  symlinkSync(`${process.pid} at another time`, join(checkout, '.tools', 'bootstrap.lock'));
  assert.equal((await bootstrap(checkout)).code, 0);
  assert.equal(existsSync(join(checkout, '.tools', 'bootstrap.lock')), false);
});

test('npm and what it started end when the script that called the bootstrap is killed', async () => {
  const checkout = makeCheckout();
  writeFileSync(join(checkout, 'npm-hangs'), '');
  const caller = spawn('/bin/sh', ['-c', 'DARKROOM_CALLER=$$ script/bootstrap; exit 0'], {
    cwd: checkout,
    env: environment(checkout),
  });
  const pidFile = join(checkout, 'npm-pid');
  const npm = await waitFor(
    'npm to be called',
    () => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')),
  );
  caller.kill('SIGKILL');
  await waitFor('the child of npm to end', () => identifyProcess(npm) === null, 5_000);
  await waitFor('the lock to be given back', () => !existsSync(join(checkout, '.tools', 'bootstrap.lock')));
});

test('a Node that is too old is left alone, and a newer one fetched beside it', async () => {
  const checkout = makeCheckout();
  const oldNode = `#!/bin/sh\n[ "$1" != -e ] || exit 1\nexec '${process.execPath}' "$@"\n`;
  writeProgram(join(checkout, 'bin', 'node'), oldNode);
  const { code, stderr } = await bootstrap(checkout);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Fetching Node 24/);
  const wanted = JSON.parse(readFileSync(join(checkout, '.tools/node/package.json'), 'utf8'));
  assert.deepEqual(wanted.allowScripts, { node: true });
});

test('a machine without Node and npm is told what it lacks', async () => {
  const checkout = makeCheckout();
  for (const name of ['node', 'npm']) rmSync(join(checkout, 'bin', name));
  const { code, stderr } = await bootstrap(checkout);
  assert.equal(code, 1);
  assert.match(stderr, /^Darkroom needs Node\.js 22\.22 or newer.*\n$/);
});

test('a machine without redis-server, apt-get and brew is told what it lacks', async () => {
  const checkout = makeCheckout();
  rmSync(join(checkout, 'bin', 'redis-server'));
  const { code, stderr } = await bootstrap(checkout);
  assert.equal(code, 1);
  assert.match(stderr, /Darkroom needs redis-server, which is not on PATH: install it/);
});

/** A checkout of the scripts alone, with a PATH that has stand-ins for what they call and the plain tools of POSIX. */
function makeCheckout(): string {
  const checkout = join(root, `a checkout ${++folders}`);
  const bin = join(checkout, 'bin');
  mkdirSync(bin, { recursive: true });
  cpSync(scripts, join(checkout, 'script'), { recursive: true });
  writeFileSync(join(checkout, 'package-lock.json'), '{}');
  for (const tool of [
    'sh',
    'cat',
    'cksum',
    'cut',
    'dirname',
    'ln',
    'mkdir',
    'mv',
    'ps',
    'readlink',
    'rm',
    'sed',
    'sleep',
    'uname',
    'chmod',
  ]) {
    const found = ['/bin', '/usr/bin'].map((folder) => join(folder, tool)).find((path) => existsSync(path));
    if (found) symlinkSync(found, join(bin, tool));
  }
  symlinkSync(process.execPath, join(bin, 'node'));
  writeProgram(join(bin, 'npm'), NPM);
  writeProgram(join(bin, 'redis-server'), '#!/bin/sh\n');
  return checkout;
}

function writeProgram(file: string, text: string): void {
  rmSync(file, { force: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

async function bootstrap(checkout: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('/bin/sh', ['script/bootstrap'], {
    cwd: checkout,
    env: environment(checkout),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    texts.stdout += data;
  });
  child.stderr.on('data', (data) => {
    texts.stderr += data;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

function environment(checkout: string): NodeJS.ProcessEnv {
  return { PATH: join(checkout, 'bin'), HOME: checkout };
}

function countCalls(checkout: string): number {
  return readFileSync(join(checkout, 'npm-calls'), 'utf8').trim().split('\n').length;
}
