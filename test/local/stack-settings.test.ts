import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertPortsFree, loadStackSettings } from '../../src/local/stack-settings.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const root = makeTempFolder();
let folders = 0;
after(() => rmSync(root, { recursive: true, force: true }));

test('ports and secrets are chosen once and kept where only their owner can read them', async () => {
  const folder = makeFolder();
  const first = await loadStackSettings(folder);
  assert.deepEqual(await loadStackSettings(folder), first);
  assert.equal(statSync(join(folder, 'stack.json')).mode & 0o777, 0o600);
  assert.equal(new Set(Object.values(first.ports)).size, 5);
});

test('settings that cannot be read are refused with what is wrong and what to do', async () => {
  for (const text of ['', '{', '{"ports":{"api":"x"}}']) {
    const folder = makeFolder();
    writeFileSync(join(folder, 'stack.json'), text);
    await assert.rejects(loadStackSettings(folder), /stack\.json cannot be used: [\s\S]*begin anew/);
  }
});

test('a port that another program holds is named with the file to change it in', async () => {
  const folder = makeFolder();
  const { ports } = await loadStackSettings(folder);
  await assertPortsFree(folder, ports);
  const other = createServer().listen(ports.redis, '127.0.0.1');
  await once(other, 'listening');
  await assert.rejects(
    assertPortsFree(folder, ports),
    new RegExp(`Port ${ports.redis} \\("redis"\\).*stack\\.json`),
  );
  other.close();
});

function makeFolder(): string {
  const folder = join(root, String(++folders));
  mkdirSync(folder);
  return folder;
}
