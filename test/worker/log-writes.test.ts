import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const LOGGER = new URL('../../src/shared/logger.ts', import.meta.url).href;

/** Runs `code` with a `log` in a process of its own; answers what it wrote in each call of the system, and how it ended. */
async function run(code: string): Promise<{ writes: string[][]; exitCode: number | null }> {
  const script = `
    import fs from 'node:fs';
    import { createLogger } from ${JSON.stringify(LOGGER)};
    const { writeSync } = fs;
    // A mark after each write of the logger's.
    fs.writeSync = (fd, ...data) => {
      const written = writeSync(fd, ...data);
      writeSync(fd, '--\\n');
      return written;
    };
    const log = createLogger('test', 'info');
    ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [out, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const writes = out.split('--\n').filter((written) => written !== '');
  return { writes: writes.map(messagesOf), exitCode };
}

const messagesOf = (written: string): string[] =>
  written
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

test('lines of one turn go out in one write, those of the next in another', async () => {
  const { writes, exitCode } = await run(`
    log.info('one.here');
    await null;
    log.warn('two.here');
    setTimeout(() => log.info('three.here'), 20);`);

  assert.deepEqual(writes, [['one.here', 'two.here'], ['three.here']]);
  assert.equal(exitCode, 0);
});

test('a turn with much to say does not keep it all', async () => {
  const { writes } = await run(`
    for (let n = 0; n < 100; n++) log.info({ text: 'x'.repeat(1_000) }, 'one.here');`);

  assert.equal(writes.flat().length, 100);
  assert.ok(writes.every((lines) => lines.length <= 20));
});

for (const [name, end, code] of [
  ['a process that exits', 'process.exit(3);', 3],
  ['one that breaks', 'throw new Error("broken");', 1],
  ['one that rejects', 'Promise.reject(new Error("broken"));', 1],
] as const) {
  test(`${name} has written its last lines`, async () => {
    const { writes, exitCode } = await run(`
      setTimeout(() => {
        log.info('one.here');
        log.info('two.here');
        ${end}
      }, 1);`);

    assert.deepEqual(writes.flat(), ['one.here', 'two.here']);
    assert.equal(exitCode, code);
  });
}

test('a fatal line is written at once, and what stood before it', async () => {
  const { writes } = await run(`
    log.info('one.here');
    log.fatal('two.here');
    process.kill(process.pid, 'SIGKILL');`);

  assert.deepEqual(writes, [['one.here', 'two.here']]);
});
