import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { plainPicture } from '../support/gemini-answers.ts';
import { waitFor } from '../support/wait-for.ts';
import { type CliStack, startCliStack } from './cli-stack.ts';
import { runDarkroom } from './darkroom.ts';

const SMALL = 'A harbour [[sim:bytes=1024]]';
const BLOCKED = `A harbour [[sim:key=${randomUUID()}; fault=prompt-blocked]]`;

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
  await cli.stack.startWorker();
});
after(() => cli.stop());

/** What a command answers to scripts. */
async function ask(...args: string[]) {
  const { code, stdout, stderr } = await cli.darkroom(...args, '--json');
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
const asAdmin = (...args: string[]) =>
  runDarkroom(args, { env: { ...cli.env, DARKROOM_TOKEN: cli.stack.serviceRoleKey } });

describe('darkroom history', () => {
  it('lists images by every filter, a line of JSON each', async () => {
    const project = randomUUID();
    const ids: string[] = [];
    for (const style of ['anime', 'cinematic', 'anime']) {
      ids.unshift(
        (await cli.client.submit({ prompt: `${SMALL} ${project}`, style, metadata: { project } })).id,
      );
    }
    const idsOf = async (...args: string[]) => (await ask('history', ...args)).map(({ id }) => id);

    assert.deepEqual(await idsOf('--metadata', `project=${project}`), ids);
    assert.deepEqual(await idsOf('--query', project, '--limit', '2'), ids.slice(0, 2));
    assert.deepEqual(await idsOf('--query', project, '--oldest', '--style', 'cinematic'), [ids[1]]);
    assert.deepEqual(await idsOf('--root', String(ids[0]), '--after', '2026-01-01'), [ids[0]]);
    assert.deepEqual(await idsOf('--query', project, '--before', '2026-01-01T00:00:00Z'), []);
    assert.deepEqual(await idsOf('--query', project, '--status', 'canceled,expired'), []);
    const table = await cli.darkroom('history', '--query', project);
    assert.match(table.stdout, /^IMAGE +STATUS +CREATED \(UTC\) +COST +PROMPT\n/);
    assert.equal(table.stdout.split('\n').length, 5);
  });

  it('is refused with a bad filter, and nothing is on stdout', async () => {
    const { code, stdout, stderr } = await cli.darkroom('history', '--status', 'done', '--json');

    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /\?status/);
  });
});

describe('what can be done with an image and a batch', () => {
  it('stops them', async () => {
    await asAdmin('pause');
    const image = await cli.client.submit({ prompt: SMALL });
    const batch = await cli.client.batches.create({ items: [{ prompt: SMALL }] });

    const [canceled] = await ask('cancel', image.id);
    const [ofBatch] = await ask('cancel', batch.id);

    await asAdmin('resume');
    assert.equal(canceled.status, 'canceled');
    assert.deepEqual([ofBatch.status, ofBatch.counts.canceled], ['canceled', 1]);
  });

  it('deletes images, each for good', async () => {
    const ids = [
      (await cli.client.submit({ prompt: SMALL })).id,
      (await cli.client.wait((await cli.client.submit({ prompt: SMALL })).id)).id,
    ];

    const deleted = await ask('delete', ...ids);
    const { code, stdout } = await cli.darkroom('delete', ...ids);
    const unknown = await cli.darkroom('delete', randomUUID());

    assert.deepEqual(
      deleted,
      ids.map((id) => ({ id, deleted: true })),
    );
    assert.deepEqual([code, stdout], [0, ids.map((id) => `deleted ${id}\n`).join('')]);
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    for (const id of ids) {
      const { code: gone, stderr } = await cli.darkroom('status', id);
      assert.equal(gone, 1, stderr);
    }
  });

  it('makes an image again, with changes', async () => {
    const { id } = await cli.client.submit({ prompt: SMALL, aspect_ratio: '16:9' });

    const [again] = await ask('regenerate', id, '--style', 'anime', '--out', 'again.png');

    assert.deepEqual([again.parent_id, again.style, again.aspect_ratio], [id, 'anime', '16:9']);
    assert.ok(existsSync(join(cli.folder, 'again.png')));
  });

  it('makes what failed in a batch again', async () => {
    const items = [{ prompt: SMALL }, { prompt: BLOCKED, custom_id: 'blocked' }];
    const { id } = await cli.client.batches.wait((await cli.client.batches.create({ items })).id);

    const { code, stdout } = await cli.darkroom('retry', id, '--wait', '--json');

    const { custom_id: customId, batch_id: batchId } = JSON.parse(stdout);
    assert.deepEqual([code, customId], [3, 'blocked']);
    assert.equal((await cli.client.batches.get(batchId)).parent_id, id);
    const [first] = await ask('batches', '--limit', '1');
    assert.equal(first.id, batchId);
  });

  it('makes nothing again where nothing has failed, and says so', async () => {
    const { id } = await cli.client.batches.create({ items: [{ prompt: SMALL }] });
    const before = await cli.countBatches();

    const { code, stdout, stderr } = await cli.darkroom('retry', id, '--wait');

    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /^Nothing in this batch has failed or expired, .*\n$/);
    assert.equal(await cli.countBatches(), before);
  });

  it('saves an image, and those of a batch', async () => {
    const image = await cli.client.submit({ prompt: SMALL });
    const items = [{ prompt: SMALL, custom_id: 'first' }, { prompt: SMALL }];
    const batch = await cli.client.batches.create({ items });

    await ask('download', image.id, '--out', 'one.png');
    await ask('download', batch.id, '--out', 'many');

    assert.ok(existsSync(join(cli.folder, 'one.png')));
    assert.ok(existsSync(join(cli.folder, 'many', 'first.png')));
  });
});

it('darkroom datasets makes, fills, changes and deletes datasets', async () => {
  writeFileSync(join(cli.folder, 'lamp.png'), await plainPicture(8, 8));
  const [{ id }] = await ask(
    ...[
      'datasets',
      'create',
      '--name',
      'Coffee',
      '--brand',
      'Coffee Co.',
      '--element',
      'lamps',
      '--element',
      'oak',
    ],
  );
  const [{ images }] = await ask('datasets', 'add-images', id, 'lamp.png', 'lamp.png');
  await ask('datasets', 'remove-image', id, images[0].id);
  await ask('datasets', 'update', id, '--brand', '', '--vibe', 'cozy', '--logo', 'lamp.png');

  const [shown] = await ask('datasets', 'show', id);
  assert.partialDeepStrictEqual(shown, {
    ...{ name: 'Coffee', brand: null, vibe: 'cozy', unique_visual_elements: ['lamps', 'oak'] },
    images: [{ id: images[1].id }],
  });
  assert.notEqual(shown.logo_url, null);
  const [image] = await ask('submit', SMALL, '--dataset', id);
  assert.equal(image.dataset_id, id);
  assert.match((await cli.darkroom('datasets', 'list')).stdout, new RegExp(`^${id} +1 +Coffee$`, 'm'));
  const none = await cli.darkroom('datasets', 'add-images', id, 'none.png');
  assert.deepEqual([none.code, none.stderr], [2, 'none.png: there is no such file or folder.\n']);
  await cli.darkroom('datasets', 'delete', id);
  assert.equal((await cli.darkroom('datasets', 'show', id)).code, 1);
});

it('darkroom keys makes keys that sign in, lists them without showing them, and revokes them', async () => {
  const { stdout: secret, stderr } = await cli.darkroom('keys', 'create', 'nightly');
  const env = { DARKROOM_URL: cli.url, DARKROOM_API_KEY: secret };
  const [{ id }] = await ask('keys', 'list');

  assert.match(secret, /^dk_\S+\n$/);
  assert.equal((await runDarkroom(['history'], { env })).code, 0);
  const list = await cli.darkroom('keys', 'list');
  assert.match(list.stdout, new RegExp(`^${id} +\\S{4} .*nightly$`, 'm'));
  assert.ok(!(list.stdout + list.stderr + stderr).includes(secret.trim()));
  assert.equal((await cli.darkroom('keys', 'delete', id)).code, 0);
  assert.deepEqual(await ask('keys', 'list'), []);
});

it('operators see the workers, pause and resume', async () => {
  const workers = JSON.parse((await asAdmin('workers', '--json')).stdout);
  assert.deepEqual([workers.items.length, workers.slots], [1, 4]);
  assert.match((await asAdmin('workers')).stdout, /^\S{36} +alive +\d+ +4 /m);

  const paused = await asAdmin('pause', '--reason', 'new key', '--until', '2100-01-01T00:00:00Z');
  assert.match(paused.stdout, /^all +operator +paused +2100-01-01T00:00:00.000Z +new key$/m);
  assert.equal((await asAdmin('resume', '--holds')).stdout, 'Nothing is held back.\n');
});

it('everybody sees how busy it is', async () => {
  const [queue] = await ask('queue');
  assert.deepEqual([queue.state, queue.slots, queue.mine.waiting], ['running', 4, 0]);

  const shown = (await cli.darkroom('queue')).stdout;

  assert.match(shown, /^state +running$/m);
  assert.match(shown, /^workers +1 with 4 slots$/m);
  assert.match(shown, /^images +0 waiting, 0 being made, at most 2 s ago$/m);
  assert.match(shown, /^yours +0 waiting, 0 being made$/m);
  assert.match(shown, /^your next +place 1, /m);
});

it('a queue that is paused is said to be, and no time is', async () => {
  await asAdmin('pause');
  const { id } = await cli.client.batches.create({ items: [{ prompt: SMALL }] });
  await waitFor('the pause to show', async () => (await cli.client.queue()).state === 'paused');

  const shown = (await cli.darkroom('queue')).stdout;
  const waiting = cli.start(['download', id, '--out', 'paused']);
  await waiting.said('0/1  images, the queue is paused\n');

  await asAdmin('resume');
  assert.match(shown, /^your next +place \d+, the queue is paused$/m);
  assert.equal((await waiting.ended).code, 0);
});
