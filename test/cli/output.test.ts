import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { createProgress } from '../../src/cli/progress.ts';
import { createRate } from '../../src/cli/rate.ts';
import { toTable } from '../../src/cli/table.ts';
import { createTerminal } from '../../src/cli/terminal.ts';
import { type CliStack, startCliStack } from './cli-stack.ts';
import { runDarkroom } from './darkroom.ts';

const ESCAPE = '\u001b';
/** Titles of windows, colours, a CSI of one byte, and a name that reads backwards. */
const EVIL = `A ${ESCAPE}]0;owned\u0007${ESCAPE}[31m\u009b31m \u202egnp.exe\nnext`;

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
});
after(() => cli.stop());

describe('what commands print', () => {
  it('does nothing to a terminal, whatever prompts hold', async () => {
    const { id } = await cli.client.submit({ prompt: EVIL, metadata: { note: EVIL } });

    for (const args of [['status', id], ['history'], ['status', `${ESCAPE}[31m`], [`${ESCAPE}[31m`]]) {
      const { stdout, stderr } = await cli.darkroom(...args);
      assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]|\u202e/u, args.join(' '));
    }
    const { stdout } = await cli.darkroom('status', id, '--json');
    assert.doesNotMatch(stdout, /[^\P{Cc}\n]|\u202e/u);
    assert.equal(JSON.parse(stdout).prompt, EVIL);
  });

  it('has colours where they are wanted, and only there', async () => {
    await cli.client.submit({ prompt: 'A harbour' });
    const printed = async (wishes: Record<string, string>) =>
      (await runDarkroom(['history'], { env: { ...cli.env, ...wishes } })).stdout.includes(ESCAPE);

    assert.equal(await printed({}), false);
    assert.equal(await printed({ FORCE_COLOR: '1' }), true);
    assert.equal(await printed({ FORCE_COLOR: '0' }), false);
    assert.equal(await printed({ FORCE_COLOR: '1', NO_COLOR: '1' }), false);
  });
});

describe('a table', () => {
  const columns = [
    { title: 'ID', value: (row: string[]) => row[0] },
    { title: 'COST', value: (row: string[]) => row[1], align: 'right' as const },
    { title: 'PROMPT', value: (row: string[]) => row[2], flexible: true as const },
  ];

  it('fits the terminal, of which its flexible columns give what is missing', () => {
    const lines = toTable(
      columns,
      [
        ['a', '$1', 'x'.repeat(100)],
        ['bb', '$10', 'y'],
      ],
      30,
    );

    assert.deepEqual(lines, ['ID  COST  PROMPT', `a     $1  ${'x'.repeat(19)}…`, 'bb   $10  y']);
  });

  it('reckons with letters that take two columns, and with those that are put together', () => {
    const lines = toTable(
      columns,
      [
        ['港', '1', 'a'],
        ['e\u0301', '2', 'b'],
        ['🚢', '3', 'c'],
      ],
      40,
    );

    assert.deepEqual(lines.slice(1), ['港     1  a', 'e\u0301      2  b', '🚢     3  c']);
  });
});

describe('progress', () => {
  const fakeStream = (isTTY: boolean) => {
    let text = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    });
    return { stream: Object.assign(stream, { isTTY, columns: 80 }) as never, text: () => text };
  };
  const terminalOn = (isTTY: boolean, term = 'xterm') => {
    const { stream, text } = fakeStream(isTTY);
    const wishes = { noColor: undefined, forceColor: undefined, term };
    return { terminal: createTerminal({ stdout: stream, stderr: stream, ...wishes }), text };
  };

  it('is a bar on a terminal, which gives way to lines and goes in the end', () => {
    const { terminal, text } = terminalOn(true);
    const progress = createProgress(terminal, 10);

    progress.update({ done: 5, ended: 5, text: 'images', left: 90, halted: null });
    terminal.say('The API answers again.');
    progress.stop();

    assert.match(text(), /░ 5\/10 {2}images, about 90 s left/);
    assert.ok(text().includes(`\r${ESCAPE}[KThe API answers again.\n`));
    assert.ok(!text().includes(`${ESCAPE}[?`), 'it leaves modes of the terminal alone');
  });

  it('tells why nothing goes on, and then no time', () => {
    const { terminal, text } = terminalOn(true);
    const progress = createProgress(terminal, 10);

    progress.update({ done: 5, ended: 5, text: 'images', left: 90, halted: 'the queue is paused' });
    progress.stop();

    assert.ok(text().includes(`░ 5/10  images, the queue is paused${ESCAPE}`));
  });

  it('draws nothing elsewhere', () => {
    for (const { terminal, text } of [terminalOn(false), terminalOn(true, 'dumb')]) {
      const progress = createProgress(terminal, 10);
      progress.update({ done: 5, ended: 5, text: 'images', left: 90, halted: null });
      progress.stop();
      assert.equal(text(), '');
    }
  });
});

describe('a rate', () => {
  it('is none before ten seconds, and knows nothing of what had ended before', () => {
    const measure = createRate();

    assert.equal(measure(300, 0), null);
    assert.equal(measure(330, 9_000), null);
    assert.equal(measure(340, 10_000), 4);
  });

  it('is none of a few images, and is that of the last minute', () => {
    const measure = createRate();

    assert.equal(measure(0, 0), null);
    assert.equal(measure(4, 30_000), null);
    for (let second = 31; second <= 100; second += 1) measure(4 + 10 * (second - 30), second * 1_000);
    assert.equal(measure(714, 101_000), (714 - 114) / 60);
  });
});
