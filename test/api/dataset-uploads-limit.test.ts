import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, it } from 'node:test';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertProblem, createApiClient, type Json } from './api-client.ts';
import { createDatasetClient, type DatasetClient, images, uploadFolders } from './dataset-client.ts';

const MOST = 3;

let stack: TestStack;
let url: string;
let png: Buffer;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi({ UPLOADS_AT_ONCE: String(MOST) }));
  png = await plainPicture(8, 8);
});
after(() => stack.stop());

type Uploader = { token: string; datasets: DatasetClient; dataset: Json };

async function createUploader(token?: string): Promise<Uploader> {
  const given = token ?? (await stack.createUser()).token;
  const datasets = createDatasetClient(createApiClient(url, given));
  return { token: given, datasets, dataset: await datasets.add() };
}

const upload = ({ datasets, dataset }: Uploader) => datasets.upload(dataset.id, images(png));

/** Uploads that go on until the answer is called; it ends them in the middle. */
async function beginUploads(uploaders: Uploader[]): Promise<() => Promise<void>> {
  const before = (await uploadFolders()).length;
  const requests = uploaders.map(({ token, dataset }) => {
    const started = request(url + dataset.links.images, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'multipart/form-data; boundary=x',
      },
    }).on('error', () => undefined);
    started.write('--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nhalf');
    return started;
  });
  const count = async () => (await uploadFolders()).length - before;
  await waitFor('the uploads to begin', async () => (await count()) === uploaders.length);
  return async () => {
    for (const one of requests) one.destroy();
    await waitFor('the uploads to end', async () => (await count()) === 0);
  };
}

it('a caller has two uploads at once; a third is refused, and others are not', async () => {
  const [one, other] = [await createUploader(), await createUploader()];
  const end = await beginUploads([one, one]);

  const refused = await upload(one);
  const logo = await one.datasets.setLogo(one.dataset.id, [
    { name: 'logo', content: png, filename: 'logo.png' },
  ]);
  const ofOther = await upload(other);
  await end();

  for (const answer of [refused, logo]) {
    assertProblem(answer, 429, 'rate_limited');
    assert.match(answer.body.detail, /"upload" allows 2/);
    assert.ok(answer.headers.has('retry-after'));
  }
  assert.equal(ofOther.status, 201);
  assert.equal((await upload(one)).status, 201);
});

it('a process takes so many uploads; one more is refused until another ends, an admin’s too', async () => {
  const [one, other] = [await createUploader(), await createUploader()];
  const admin = await createUploader(stack.serviceRoleKey);
  const end = await beginUploads([one, one, other]);

  const [ofOther, ofAdmin] = [await upload(other), await upload(admin)];
  await end();

  for (const answer of [ofOther, ofAdmin]) {
    assertProblem(answer, 503, 'temporarily_unavailable');
    assert.ok(answer.headers.has('retry-after'));
  }
  assert.equal((await upload(other)).status, 201);
});

it('an admin may have more than two', async () => {
  const admin = await createUploader(stack.serviceRoleKey);
  const end = await beginUploads([admin, admin]);

  const answer = await upload(admin);
  await end();

  assert.equal(answer.status, 201);
});
