import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CliStack, startCliStack } from './cli-stack.ts';
import { runDarkroom } from './darkroom.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'darkroom-package-'));

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
});
after(async () => {
  await cli.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What `npm pack` makes of the checkout, made in a copy of it. */
async function pack(): Promise<string> {
  const copy = join(folder, 'checkout');
  for (const name of [
    'package.json',
    'tsconfig.json',
    'tsconfig.dist.json',
    'README.md',
    'LICENSE',
    'bin',
    'src',
  ]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const env = { ...process.env, npm_config_offline: 'true', npm_config_cache: join(folder, 'npm-cache') };
  await run('npm', ['pack', '--pack-destination', folder], { cwd: copy, env });
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
}

/** Puts the package below node_modules as npm does, with nothing beside it but the dependencies that it names. */
async function install(tarball: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  const home = join(modules, 'darkroom');
  mkdirSync(home, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', home, '--strip-components', '1']);
  const { dependencies, bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  return join(home, bin.darkroom);
}

const hasNpm = await run('npm', ['--version']).then(
  () => true,
  () => false,
);

it('the installed package is JavaScript, and works', {
  skip: !hasNpm && 'this machine has no npm',
}, async () => {
  const program = await install(await pack());
  const home = join(folder, 'node_modules', 'darkroom');

  const { code, stdout, stderr } = await runDarkroom(['submit', 'A harbour', '--json'], {
    env: cli.env,
    program,
  });

  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(JSON.parse(stdout).prompt, 'A harbour');
  assert.deepEqual(readdirSync(home).sort(), ['LICENSE', 'README.md', 'bin', 'dist', 'package.json']);
  const files = readdirSync(join(home, 'dist'), { recursive: true }) as string[];
  assert.ok(
    files.every(
      (name) => /^[a-z/-]+(\.d\.ts)?$/.test(name) || /^(cli\/[a-z-]+|client\/[a-z-]+)\.js$/.test(name),
    ),
    files.join(' '),
  );
});

it('the installed package is the client of another project, with its types', {
  skip: !hasNpm && 'this machine has no npm',
}, async () => {
  const program = join(folder, 'program.mts');
  writeFileSync(
    program,
    `import { createDarkroomClient, DarkroomError } from 'darkroom';
    const [baseUrl = '', token = ''] = process.argv.slice(2);
    const darkroom = createDarkroomClient({ baseUrl, token });
    const { status } = await darkroom.submit({ prompt: 'A harbour' });
    // @ts-expect-error a prompt is a text: only a client that has types knows
    const refusal = await darkroom.submit({ prompt: 1 }).catch((error: unknown) => error);
    console.log(status, refusal instanceof DarkroomError && refusal.code);`,
  );
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const types = ['--typeRoots', join(ROOT, 'node_modules', '@types')];

  await run(join(ROOT, 'node_modules', '.bin', 'tsc'), [...strict, ...types, program], { cwd: folder });
  const { stdout } = await run(process.execPath, [program, cli.url, cli.user.token]);

  assert.equal(stdout, 'pending validation_failed\n');
});

it('the bin of a checkout tells an old Node what is missing', async () => {
  const home = join(folder, 'old');
  cpSync(join(ROOT, 'bin'), join(home, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'src', 'cli'), join(home, 'src', 'cli'), { recursive: true });
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' });`;
  const args = [
    '--import',
    `data:text/javascript,${encodeURIComponent(pretend)}`,
    join(home, 'bin', 'darkroom.js'),
  ];

  const ended = await run(process.execPath, args).catch((error) => error);

  assert.equal(ended.code, 1);
  assert.equal(
    ended.stderr,
    'darkroom needs Node 22.22 or newer, and this is 20.19.0: run script/bootstrap once, which fetches it.\n',
  );
});
