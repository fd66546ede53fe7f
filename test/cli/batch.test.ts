import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CliStack, smallPrompt as prompt, startCliStack } from './cli-stack.ts';

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
  await cli.stack.startWorker();
});
after(() => cli.stop());

const filesIn = (folder: string) =>
  readdirSync(join(cli.folder, folder))
    .filter((name) => !name.startsWith('.'))
    .sort();
const linesOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
describe('darkroom batch', () => {
  it('makes a row of a table an image, with its own fields before the options, and saves each', async () => {
    const [first, second] = [prompt('A "quoted"\nharbour'), prompt('A ship')];
    cli.write(
      'menu.csv',
      `\ufeffprompt,custom_id,style,metadata.row,deadline_seconds\r\n"${first.replaceAll('"', '""')}",harbour,,1,600\r\n\r\n${second},ship.png,anime,,\r\n`,
    );

    const { code, stdout, stderr } = await cli.darkroom(
      ...['batch', 'menu.csv', '--style', 'cinematic', '--metadata', 'job=menu', '--out', 'menu', '--json'],
    );

    assert.equal(code, 0, stderr);
    const images = linesOf(stdout).sort((a, b) => (a.custom_id < b.custom_id ? -1 : 1));
    assert.deepEqual(
      images.map((image) => [image.prompt, image.style, image.metadata, image.file]),
      [
        [first, 'cinematic', { job: 'menu', row: '1' }, join('menu', 'harbour.png')],
        [second, 'anime', { job: 'menu' }, join('menu', 'ship.png')],
      ],
    );
    assert.deepEqual(filesIn('menu'), ['harbour.png', 'ship.png']);
    assert.equal((await cli.client.batches.get(images[0].batch_id)).name, 'menu.csv');
  });

  it('takes NDJSON and plain text, also from stdin, and names what has no name by its line', async () => {
    const lines = [{ prompt: prompt('A'), custom_id: 'a', metadata: { k: 'v' } }, { prompt: prompt('B') }];
    const ndjson = cli.start(['batch', '-', '--input', 'ndjson', '--wait', '--json'], {
      stdin: lines.map((line) => JSON.stringify(line)).join('\n\n'),
    });
    cli.write('prompts.txt', `\n${prompt('C')}\r\n`);
    const text = cli.start(['batch', 'prompts.txt', '--wait', '--json']);

    const ids = [...linesOf((await ndjson.ended).stdout), ...linesOf((await text.ended).stdout)].map(
      ({ custom_id }) => custom_id,
    );
    assert.deepEqual(ids.sort(), ['a', 'line-2', 'line-3']);
  });

  it('is one batch however often it is called, until --new', async () => {
    cli.write('once.txt', prompt('A harbour'));
    const before = await cli.countBatches();
    const idOf = async (...more: string[]): Promise<string> =>
      JSON.parse((await cli.darkroom('batch', 'once.txt', '--json', ...more)).stdout).id;

    const [first, second] = await Promise.all([idOf(), idOf()]);
    const third = await idOf('--new');

    assert.equal(first, second);
    assert.notEqual(second, third);
    assert.equal(await cli.countBatches(), before + 2);
  });

  it('is one batch of one folder also when two commands begin at once', async () => {
    cli.write('twins.txt', Array.from({ length: 20 }, () => prompt('A')).join('\n'));
    const before = await cli.countBatches();

    const both = await Promise.all([1, 2].map(() => cli.darkroom('batch', 'twins.txt', '--out', 'twins')));

    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
      both.map(({ stderr }) => stderr).join(),
    );
    assert.equal(await cli.countBatches(), before + 1);
    assert.equal(readdirSync(join(cli.folder, 'twins')).length, 20 + 1);
  });

  it('submits nothing whose fate the API has forgotten', async () => {
    cli.write('old.txt', prompt('A'));
    await cli.darkroom('batch', 'old.txt', '--out', 'old');
    const path = join(cli.folder, 'old', '.darkroom', 'old.txt.json');
    const state = JSON.parse(readFileSync(path, 'utf8'));
    const forgotten = { ...state, batch_id: null, submitted_at: '2026-01-01T00:00:00Z' };
    writeFileSync(path, JSON.stringify(forgotten));
    const before = await cli.countBatches();

    const { code, stderr } = await cli.darkroom('batch', 'old.txt', '--out', 'old');
    assert.deepEqual([code, stderr.split('\n').length], [1, 2]);
    assert.match(stderr, /^It is not known what became of the submit of 2026-01-01T00:00:00Z .* --new\.$/m);
    writeFileSync(path, '{"version": 1,');
    assert.equal((await cli.darkroom('batch', 'old.txt', '--out', 'old')).code, 1);
    assert.equal(await cli.countBatches(), before);
  });

  it('goes on in the same folder: it fetches what is not there, or is not right', async () => {
    cli.write('again.txt', `${prompt('A')}\n${prompt('B')}\n${prompt('C')}\n`);
    await cli.darkroom('batch', 'again.txt', '--out', 'again');
    rmSync(join(cli.folder, 'again', 'line-1.png'));
    writeFileSync(join(cli.folder, 'again', 'line-2.png'), 'mine');
    await cli.stack.sql('truncate public.idempotency_keys');
    const before = await cli.countBatches();

    const { code, stdout } = await cli.darkroom('batch', 'again.txt', '--out', 'again');

    assert.equal(code, 0);
    assert.match(stdout, /files +3 in again \(1 were there already\)/);
    const [first, other, own, third] = filesIn('again');
    assert.deepEqual([first, own, third], ['line-1.png', 'line-2.png', 'line-3.png']);
    assert.match(String(other), /^line-2-[0-9a-f]{8}\.png$/);
    assert.equal(readFileSync(join(cli.folder, 'again', 'line-2.png'), 'utf8'), 'mine');
    assert.equal(await cli.countBatches(), before);
  });

  it('does not take a file that has changed for the one that it knows', async () => {
    cli.write('changed.txt', prompt('A'));
    await cli.darkroom('batch', 'changed.txt', '--out', 'changed');
    cli.write('changed.txt', prompt('B', 2048));
    const before = await cli.countBatches();

    const refused = await cli.darkroom('batch', 'changed.txt', '--out', 'changed');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^With other prompts or options changed\.txt became batch .* --new .*\n$/);
    assert.equal(await cli.countBatches(), before);

    assert.equal((await cli.darkroom('batch', 'changed.txt', '--out', 'changed', '--new')).code, 0);
    assert.equal(filesIn('changed').length, 2);
  });

  it('keeps names in the folder, and tells images of one name apart', async () => {
    const ids = ['../../up', '..\\..\\up', 'a/b', 'a_b', 'A_B', 'CON', '.hidden', 'nul.txt', 'x'.repeat(200)];
    cli.write(
      'names.ndjson',
      ids.map((custom_id) => JSON.stringify({ prompt: prompt('A'), custom_id })).join('\n'),
    );

    for (const time of ['first', 'second']) {
      const { code, stderr } = await cli.darkroom('batch', 'names.ndjson', '--out', 'names');
      assert.equal(code, 0, time + stderr);
      const names = filesIn('names');
      assert.equal(names.length, ids.length, names.join(' '));
      for (const name of ['_CON.png', '_hidden.png', '_nul.txt.png']) assert.ok(names.includes(name), name);
      assert.equal(names.filter((name) => /^a_b(-.+)?\.png$/i.test(name)).length, 3);
      assert.ok(names.every((name) => name.length < 255));
    }
  });

  it('tells what failed and ends with 3; the others are saved', async () => {
    cli.write('some.txt', `${prompt('A')}\nB [[sim:key=${randomUUID()}; fault=prompt-blocked]]\n`);

    const { code, stdout, stderr } = await cli.darkroom('batch', 'some.txt', '--out', 'some');

    assert.equal(code, 3);
    assert.deepEqual(filesIn('some'), ['line-1.png']);
    assert.match(stdout, /line-2 +failed +content_blocked: /);
    assert.match(stdout, /images +1 succeeded, 1 failed/);
    assert.match(stderr, /darkroom retry [0-9a-f-]{36} --wait/);
  });

  it('only tells the price of a dry run', async () => {
    cli.write('dry.txt', `${prompt('A')}\n${prompt('B')}\n`);
    const before = await cli.countBatches();

    const { stdout } = await cli.darkroom('batch', 'dry.txt', '--dry-run', '--json');

    assert.deepEqual(JSON.parse(stdout), { dry_run: true, images: 2, estimated_cost_usd: 0.0672 });
    assert.equal(await cli.countBatches(), before);
  });
});
