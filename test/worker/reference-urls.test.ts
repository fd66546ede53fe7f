import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import { answerCallsOf, geminiAnswer, plainPicture } from '../support/gemini-answers.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { startUrlStack, type UrlStack } from './url-stack.ts';

let setup: UrlStack;
before(async () => {
  setup = await startUrlStack();
});
afterEach(() => setup.gemini.passAll());
after(() => setup.stop());

/** Serves each path its bytes. */
function serve(files: Record<string, Buffer>): void {
  setup.pictures.answer(({ path }, response) => {
    const bytes = files[path.replace(/\?.*/, '')];
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  });
}

/** The parts of the only call that was made for a row. */
function partsSent(id: string): unknown[] {
  const [call, ...others] = setup.gemini.requests.filter(({ body }) => body.includes(id));
  assert.deepEqual(others, []);
  return JSON.parse(call?.body.toString() ?? '').contents[0].parts;
}

test('fourteen images, stored ones and addresses, go to the model in the order of the row', async () => {
  const formats = ['png', 'jpeg', 'webp'] as const;
  const images = await Promise.all(
    Array.from({ length: 14 }, (_, at) => plainPicture(8 + at, 8, formats[at % 3])),
  );
  serve(Object.fromEntries(images.map((bytes, at) => [`/${at}`, bytes])));
  const reference_images = await Promise.all(
    images.map((bytes, at) => (at % 4 === 0 ? setup.upload(bytes) : { url: setup.urlOf(`/${at}`) })),
  );
  const id = uuidv7();
  answerCallsOf(setup.gemini, id, [geminiAnswer([{ image: await plainPicture(8, 8) }])]);

  await setup.generations.submit('', { id, reference_images });

  const row = await setup.generations.waitForEnd(id);
  assert.equal(row.status, 'succeeded', JSON.stringify(row.error));
  assert.deepEqual(
    partsSent(id).slice(0, 14),
    images.map((bytes, at) => ({
      inlineData: { mimeType: `image/${formats[at % 3]}`, data: bytes.toString('base64') },
    })),
  );
});

test('a server that fails once does not fail the row', async () => {
  const picture = await plainPicture(8, 8);
  let failures = 1;
  setup.pictures.answer((_request, response) => {
    if (failures-- > 0) response.writeHead(500).end();
    else response.end(picture);
  });

  const id = await setup.generations.submit('', { reference_images: [{ url: setup.urlOf('/a.png') }] });

  const row = await setup.generations.waitForEnd(id);
  assert.deepEqual([row.status, row.attempt, setup.generations.calls(id)], ['succeeded', 1, 1]);
});

const stops: [what: string, statement: string, status: string | null][] = [
  ['canceled', 'update public.generated_images set cancel_requested_at = now() where id = $1', 'canceled'],
  ['deleted', 'delete from public.generated_images where id = $1', null],
];
for (const [what, statement, status] of stops) {
  test(`a row that is ${what} while an address is fetched ends the fetch, and no call is made`, async () => {
    const arrived = Promise.withResolvers<void>();
    setup.pictures.answer((_request, response) => {
      response.write('x');
      arrived.resolve();
    });
    const id = await setup.generations.submit('', { reference_images: [{ url: setup.urlOf('/a.png') }] });
    await arrived.promise;

    await setup.stack.sql(statement, [id]);

    await setup.generations.waitFor(async () => assert.equal(setup.pictures.connections().open, 0));
    const rows = () =>
      setup.stack.sql('select status, billable_calls from public.generated_images where id = $1', [id]);
    await setup.generations.waitFor(async () =>
      assert.deepEqual(await rows(), status ? [{ status, billable_calls: 0 }] : []),
    );
    assert.equal(setup.generations.calls(id), 0);
  });
}

test('a request with a dataset and addresses of its own becomes an image, the dataset first', async () => {
  const { url: apiUrl } = await setup.stack.startApi();
  const [first, second, third] = await Promise.all([8, 9, 10].map((width) => plainPicture(width, 8)));
  serve({ '/third.png': third as Buffer });
  const dataset_id = randomUUID();
  await setup.stack.sql('insert into public.datasets (id) values ($1)', [dataset_id]);
  await setup.stack.sql(
    `insert into public.dataset_images (dataset_id, position, storage_path, mime_type)
     values ($1::uuid, 1, $1::text || '/first.png', 'image/png')`,
    [dataset_id],
  );
  await setup.stack.supabase.storage
    .from('dataset-images')
    .upload(`${dataset_id}/first.png`, first as Buffer);
  const { path } = await setup.upload(second as Buffer);

  const answer = await fetch(`${apiUrl}/ai/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prompt: 'A counter like these',
      dataset_id,
      reference_images: [`reference-images/${path}`, setup.urlOf('/third.png')],
    }),
  });
  const { id, reference_images_count } = (await answer.json()) as {
    id: string;
    reference_images_count: number;
  };
  const record = await waitForEnd(apiUrl, id);

  assert.deepEqual([answer.status, reference_images_count], [202, 3]);
  assert.deepEqual(
    [record.status, record.reference_images_count],
    ['succeeded', 3],
    JSON.stringify(record.error),
  );
  const call = setup.gemini.requests.findLast(({ body }) => body.includes('A counter like these'));
  const { parts } = JSON.parse(call?.body.toString() ?? '').contents[0];
  assert.deepEqual(
    parts.slice(0, 3).map((part: { inlineData: { data: string } }) => part.inlineData.data),
    [first, second, third].map((bytes) => bytes?.toString('base64')),
  );
});
