import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeTempFolder } from '../support/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = makeTempFolder();
after(() => rmSync(folder, { recursive: true, force: true }));

const VALUES = [
  `ADMIN_TOKEN=${'g'.repeat(32)}`,
  'POSTGRES_PASSWORD=a',
  'GRAFANA_PASSWORD=b',
  `SUPABASE_JWT_SECRET=${'c'.repeat(32)}`,
  'SUPABASE_ANON_KEY=d',
  'SUPABASE_SERVICE_ROLE_KEY=e',
  'GEMINI_API_KEY=f',
];

/** Docker's own reading of the file, or undefined where there is no Compose. */
function readByCompose(values: string[], ...args: string[]) {
  const envFile = join(folder, '.env');
  writeFileSync(envFile, `${values.join('\n')}\n`);
  const [command, first] =
    [['docker', 'compose'] as const, ['docker-compose'] as const].find(
      ([program, ...rest]) => spawnSync(program, [...rest, 'version']).status === 0,
    ) ?? [];
  if (!command) return undefined;
  const all = [...(first ? [first] : []), '--env-file', envFile, ...args, 'config'];
  // Nothing of this machine's own environment stands in for a value.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  return spawnSync(command, all, { cwd: root, encoding: 'utf8', env });
}

/** A skipped test counts as failed here, so a machine without Compose says so and has nothing to check. */
function sayThereIsNone(t: TestContext): void {
  t.diagnostic('not checked: this machine has neither `docker compose` nor `docker-compose`');
}

test('Docker Compose reads the file, with every profile', (t) => {
  const read = readByCompose(VALUES, '--profile', 'demo', '--profile', 'observability');
  if (!read) return sayThereIsNone(t);
  assert.equal(read.status, 0, read.stderr);
  assert.match(read.stdout, /^ {2}grafana:$/m);
  assert.match(read.stdout, /^ {2}gemini:$/m);
});

test('Docker Compose refuses the file while a secret is missing', (t) => {
  for (const missing of VALUES) {
    const read = readByCompose(VALUES.filter((each) => each !== missing));
    if (!read) return sayThereIsNone(t);
    assert.notEqual(read.status, 0, missing);
  }
});
