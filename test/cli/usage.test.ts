import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { waitFor } from '../support/wait-for.ts';
import { type CliStack, startCliStack } from './cli-stack.ts';

let cli: CliStack;
let id: string;
before(async () => {
  cli = await startCliStack();
  await cli.stack.startWorker();
  ({ id } = await cli.client.submit({ prompt: 'A harbour [[sim:bytes=1024]]', style: '=1+1\u001b[31m' }));
  await cli.client.wait(id);
});
after(() => cli.stop());

async function ask(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli.darkroom(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

it('darkroom usage is a table with all at its end', async () => {
  const [head, day, all, ...rest] = (await ask('usage')).trimEnd().split('\n');

  assert.match(
    head ?? '',
    /^DAY +ACCEPTED +MADE +FAILED +CANCELED +OPEN +SUCCESS +ESTIMATE +COST +WAIT P50 +P95 +TOTAL P50 +P95$/,
  );
  assert.match(day ?? '', /^\d{4}-\d\d-\d\d +1 +1 +0 +0 +0 +100 % +\$0\.0\d+ +\$0\.0\d+( +[\d.]+ s){4}$/);
  assert.match(all ?? '', /^all +1 +1 +0 /);
  assert.deepEqual(rest, []);
});

it('darkroom usage takes filters and answers scripts with all that it knows', async () => {
  const found = JSON.parse(
    await ask('usage', '--by', 'status,model', '--from', '2026-01-02', '--to', '2026-12-31', '--json'),
  );
  const none = JSON.parse(await ask('usage', '--style', 'no such', '--json'));

  assert.deepEqual(found.group_by, ['status', 'model']);
  assert.deepEqual([found.from, found.to, none.total.accepted], ['2026-01-02', '2026-12-31', 0]);
});

it('darkroom usage --csv does nothing to a spreadsheet or a terminal', async () => {
  const lines = (await ask('usage', '--by', 'style', '--csv')).trimEnd().split('\n');

  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^style,accepted,/);
  assert.match(lines[1] ?? '', /^'=1\+1\ufffd\[31m,1,1,/);
});

it('darkroom usage --prompts lists the most used', async () => {
  const table = await waitFor('the prompt to be counted', async () => {
    const { stdout } = await cli.darkroom('usage', '--prompts');
    return stdout !== '' && stdout;
  });

  assert.match(table, /^USED +MADE +COST +LAST \(UTC\) +PROMPT\n +1 .* a harbour \[\[sim:bytes=1024\]\]\n$/);
});

it('darkroom usage says what it cannot be asked for', async () => {
  const bad = await cli.darkroom('usage', '--by', 'prompt');
  const both = await cli.darkroom('usage', '--csv', '--json');

  assert.deepEqual([bad.code, bad.stdout, both.code], [2, '', 2]);
  assert.match(bad.stderr, /group_by/);
});

it('darkroom status --events tells what happened', async () => {
  const lines = (await ask('status', id, '--events')).trimEnd().split('\n');
  const { events } = JSON.parse(await ask('status', id, '--events', '--json'));

  assert.match(lines[0] ?? '', /^TIME \(UTC\) +FROM +TO +ATTEMPT +WORKER +WHY$/);
  assert.deepEqual(
    lines.slice(1).map((line) => line.slice(25).trim().split(/\s+/)[0] === 'pending'),
    [true, true, false],
  );
  assert.deepEqual(
    events.map(({ to }: { to: string }) => to),
    ['pending', 'processing', 'succeeded'],
  );
});
