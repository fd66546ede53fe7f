import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CliStack, startCliStack } from './cli-stack.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
  await cli.stack.startWorker();
});
after(() => cli.stop());

describe('darkroom submit', () => {
  it('answers at once with the pending image, whose fields are the options', async () => {
    const { code, stdout } = await cli.darkroom(
      ...['submit', SMALL, '--json', '--style', 'anime', '--aspect-ratio', '16:9', '--quality', 'high'],
      ...['--metadata', 'row=17', '--metadata', 'note=a=b', '--deadline', '600', '--format', 'webp'],
    );

    assert.equal(code, 0);
    assert.partialDeepStrictEqual(JSON.parse(stdout), {
      ...{ prompt: SMALL, style: 'anime', aspect_ratio: '16:9', quality: 'high', format: 'webp' },
      metadata: { row: '17', note: 'a=b' },
    });
  });

  it('waits, and saves the image as a file or in a folder', async () => {
    const asFile = await cli.darkroom('submit', SMALL, '--out', 'harbour.png');
    const inFolder = await cli.darkroom('submit', SMALL, '--out', 'images/', '--json');

    assert.deepEqual([asFile.code, inFolder.code], [0, 0], asFile.stderr + inFolder.stderr);
    assert.equal(readFileSync(join(cli.folder, 'harbour.png')).length, 1024);
    const { id, file } = JSON.parse(inFolder.stdout);
    assert.equal(file, join('images', `${id}.png`));
    assert.equal(readFileSync(join(cli.folder, file)).length, 1024);
  });

  it('makes one image of a key, however often it is called', async () => {
    const key = randomUUID();
    const submit = async () =>
      JSON.parse((await cli.darkroom('submit', SMALL, '--json', '--idempotency-key', key)).stdout).id;

    assert.equal(await submit(), await submit());
  });

  it('only tells the price of a dry run', async () => {
    const { code, stdout } = await cli.darkroom('submit', SMALL, '--quality', 'ultra', '--dry-run', '--json');

    assert.deepEqual([code, JSON.parse(stdout).estimated_cost_usd], [0, 0.113]);
  });

  it('ends with 3 when the image fails, and writes no file', async () => {
    const { code, stdout } = await cli.darkroom(
      ...[
        'submit',
        `A harbour [[sim:key=${randomUUID()}; fault=prompt-blocked]]`,
        '--out',
        'blocked.png',
        '--json',
      ],
    );

    const { status, error, file } = JSON.parse(stdout);
    assert.deepEqual([code, status, error.code, file], [3, 'failed', 'content_blocked', null]);
    assert.ok(!existsSync(join(cli.folder, 'blocked.png')));
  });
});

describe('darkroom status', () => {
  it('shows an image and a batch, to people and to scripts', async () => {
    const image = await cli.client.submit({ prompt: SMALL });
    const batch = await cli.client.batches.create({ name: 'Menu', items: [{ prompt: SMALL }] });

    const [ofImage, ofBatch] = [
      await cli.darkroom('status', image.id),
      await cli.darkroom('status', batch.id),
    ];
    assert.match(ofImage.stdout, new RegExp(`^image +${image.id}\nstatus +(pending|processing|succeeded)\n`));
    assert.match(ofBatch.stdout, new RegExp(`^batch +${batch.id}\nname +Menu\n`));
    const json = await cli.darkroom('--json', 'status', batch.id);
    assert.equal(JSON.parse(json.stdout).counts.total, 1);
  });

  it('says in a sentence that there is nothing of that id', async () => {
    const { code, stdout, stderr } = await cli.darkroom('status', randomUUID());

    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^http:\S+ knows no image and no batch .* that you may see: [^\n]+\n$/);
  });
});
