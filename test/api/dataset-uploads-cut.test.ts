import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, it } from 'node:test';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertProblem, createApiClient, type Json, pointersOf } from './api-client.ts';
import { createDatasetClient, type DatasetClient, images, uploadFolders } from './dataset-client.ts';

const HEAD = 'Content-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n';

let stack: TestStack;
let supabase: FaultProxy;
let url: string;
let user: { id: string; token: string };
let datasets: DatasetClient;
let png: Buffer;
before(async () => {
  stack = await startTestStack();
  supabase = await startFaultProxy(stack.supabaseUrl);
  ({ url } = await stack.startApi({ SUPABASE_URL: supabase.url, SUPABASE_PUBLIC_URL: stack.supabaseUrl }));
  user = await stack.createUser();
  datasets = createDatasetClient(createApiClient(url, user.token));
  png = await plainPicture(8, 8);
});
afterEach(() => supabase.passAll());
after(async () => {
  await stack.stop();
  await supabase.close();
});

const isUpload = (path: string) => path.includes('/storage/v1/object/dataset-images/');

async function objectsOf(id: string): Promise<string[]> {
  const { data } = await stack.supabase.storage.from('dataset-images').list(`${user.id}/${id}`);
  return data?.map(({ name }) => name) ?? [];
}

/** A connection on which an upload has begun: what it was answered so far, and when the server has closed it. */
function beginUpload(id: string, more = '') {
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
  const state = { answered: '', closed: false };
  socket.on('data', (bytes) => {
    state.answered += bytes;
  });
  socket
    .on('error', () => undefined)
    .on('close', () => {
      state.closed = true;
    });
  socket.write(
    `POST /ai/datasets/${id}/images HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${user.token}\r\n` +
      `Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const send = (text: string) => socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  send(`--x\r\n${HEAD}${more}`);
  return { socket, state, send };
}

it('a client that goes away in the middle leaves no file and no row', async () => {
  const dataset: Json = await datasets.add();
  const { socket } = beginUpload(dataset.id, 'half a picture');
  await waitFor('the upload', async () => (await uploadFolders()).length > 0);

  socket.destroy();

  await waitFor('the folder to go', async () => (await uploadFolders()).length === 0);
  assert.deepEqual((await datasets.read(dataset.id)).body, dataset);
  assert.deepEqual(await objectsOf(dataset.id), []);
});

it('an endless file is refused once it is too large, and its connection closed soon after', async () => {
  const { id } = await datasets.add();
  const { socket, state, send } = beginUpload(id);
  const chunk = 'x'.repeat(256 * 1024);
  const pour = () => {
    while (!state.closed && send(chunk));
  };
  socket.on('drain', () => setImmediate(pour));
  pour();

  await waitFor('the refusal', () => state.answered.includes('payload_too_large'));
  assert.match(state.answered, /^HTTP\/1\.1 413 /);
  await waitFor('the end', () => state.closed);
  assert.deepEqual(await uploadFolders(), []);
  assert.deepEqual((await datasets.read(id)).body.images, []);
});

it('a body that never comes to a part is refused after a megabyte', async () => {
  const { id } = await datasets.add();
  const { socket, state, send } = beginUpload(id, `\r\n--x\r\n`);
  const chunk = `X-Header: ${'x'.repeat(64 * 1024)}\r\n`;
  for (let sent = 0; sent < 3 * 1024 * 1024 && !state.closed; sent += chunk.length) send(chunk);

  await waitFor('the refusal', () => state.answered.includes('"code"'));
  assert.match(state.answered, /^HTTP\/1\.1 413 /);
  socket.destroy();
});

it('an upload is refused before its body comes when it is not allowed at all', async () => {
  const { state, socket } = beginUpload('0198b8a0-1111-7222-8333-444455556666');

  await waitFor('the refusal', () => state.answered.includes('not_found'));
  await waitFor('the end', () => state.closed);
  socket.destroy();
});

it('while Storage is away an upload is told to come again, and leaves nothing', async () => {
  const { id } = await datasets.add();
  let uploads = 0;
  supabase.decide(({ path, method }) =>
    method === 'POST' && isUpload(path) && ++uploads >= 2 ? { status: 503 } : 'pass',
  );

  const answer = await datasets.upload(id, images(png, png, png));

  assertProblem(answer, 503, 'temporarily_unavailable');
  assert.equal(answer.headers.get('retry-after'), '5');
  assert.equal(uploads, 2);
  assert.deepEqual((await datasets.read(id)).body.images, []);
  assert.deepEqual(await objectsOf(id), []);
  assert.deepEqual(await uploadFolders(), []);
  supabase.passAll();
  assert.equal((await datasets.upload(id, images(png))).status, 201);
});

it('an upload that Storage cuts off is told to come again', async () => {
  const { id } = await datasets.add();
  supabase.decide(({ path }) => (isUpload(path) ? 'cut' : 'pass'));

  assertProblem(await datasets.upload(id, images(png)), 503, 'temporarily_unavailable');
});

it('what an API uploads is planned for the clean-up before, in case it dies', async () => {
  const { id } = await datasets.add();
  const planned: Json[] = [];
  supabase.decide(async ({ path }) => {
    if (isUpload(path)) {
      planned.push(...(await stack.sql('select bucket, folder, is_object from public.storage_cleanup')));
    }
    return 'pass' as const;
  });

  await datasets.upload(id, images(png));

  const folder = `${user.id}/${id}`;
  const own = planned.filter((one) => one.folder === folder);
  assert.deepEqual(own, [{ bucket: 'dataset-images', folder, is_object: false }]);
});

it('a dataset that goes while its images are uploaded is not found, and no object stays', async () => {
  const { id } = await datasets.add();
  supabase.decide(async ({ path, method }) => {
    if (method === 'POST' && isUpload(path)) {
      await stack.sql('delete from public.datasets where id = $1', [id]);
    }
    return 'pass' as const;
  });

  assertProblem(await datasets.upload(id, images(png, png)), 404, 'not_found');
  assert.deepEqual(await objectsOf(id), []);
});

it('of two uploads that both saw room for themselves only one is in, and the other leaves no object', async () => {
  const { id } = await datasets.add();
  await datasets.upload(id, images(...Array.from({ length: 11 }, () => png)));
  const both = Promise.withResolvers<'pass'>();
  let adding = 0;
  supabase.decide(({ path }) => {
    if (!path.endsWith('/add_dataset_images')) return 'pass';
    if (++adding === 2) both.resolve('pass');
    return both.promise;
  });

  const answers = await Promise.all([
    datasets.upload(id, images(png, png, png)),
    datasets.upload(id, images(png, png)),
  ]);

  const [refused] = answers.filter(({ status }) => status !== 201);
  assert.ok(refused && answers.some(({ status }) => status === 201));
  assertProblem(refused, 422, 'validation_failed');
  const { images: stored } = (await datasets.read(id)).body;
  assert.equal(stored.length, refused === answers[0] ? 13 : 14);
  // Of three files one has room beside the two that were faster.
  assert.deepEqual(
    pointersOf(refused),
    refused === answers[0] ? ['/images/1', '/images/2'] : ['/images/0', '/images/1'],
  );
  assert.equal((await objectsOf(id)).length, stored.length);
});

it('a lost answer of the database is asked for again, and the images are in once', async () => {
  const { id } = await datasets.add();
  let lost = 0;
  supabase.decide(({ path }) => (path.endsWith('/add_dataset_images') && lost++ === 0 ? 'lose' : 'pass'));

  const answer = await datasets.upload(id, images(png, png));

  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.images.length, 2);
  assert.equal((await objectsOf(id)).length, 2);
  assert.ok(lost >= 2);
});

it('folders of uploads whose process died go when an API starts, and those of living ones stay', async () => {
  const { socket } = beginUpload((await datasets.add()).id, 'half');
  const [name] = await waitFor('the upload', async () => {
    const folders = await uploadFolders();
    return folders.length > 0 && folders;
  });
  const { pid: dead } = spawnSync(process.execPath, ['--version']);
  const left = await mkdtemp(join(tmpdir(), String(name).replace(`-${process.pid}-`, `-${dead}-`)));
  const before = await mkdtemp(join(tmpdir(), String(name).replace(/-\d+-\w+$/, '-1-')));
  const strange = await mkdtemp(join(tmpdir(), 'darkroom-test-'));

  await stack.startApi();

  await waitFor('the folders to go', () => !existsSync(left) && !existsSync(before));
  assert.ok(existsSync(strange));
  assert.ok((await readdir(tmpdir())).includes(String(name)));
  socket.destroy();
  await waitFor('the folder to go', async () => (await uploadFolders()).length === 0);
});

it('objects whose rows may or may not be there stay until the clean-up, which knows', async () => {
  const { id } = await datasets.add();
  supabase.decide(({ path }) => (path.endsWith('/add_dataset_images') ? 'cut' : 'pass'));

  const answer = await datasets.upload(id, images(png, png));

  assertProblem(answer, 503, 'temporarily_unavailable');
  assert.match(answer.body.detail, /may have been added/);
  assert.equal((await objectsOf(id)).length, 2);
  await stack.startWorker();
  await stack.sql('update public.storage_cleanup set due_at = now() where folder = $1', [`${user.id}/${id}`]);
  await waitFor('the objects to go', async () => (await objectsOf(id)).length === 0);
  assert.deepEqual((await datasets.read(id)).body.images, []);
});
