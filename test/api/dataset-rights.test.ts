import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import {
  type Answer,
  assertProblem,
  createApiClient,
  type Json,
  pointersOf,
  UNKNOWN_ID,
} from './api-client.ts';
import { createDatasetClient, type DatasetClient, images } from './dataset-client.ts';

let stack: TestStack;
let url: string;
let ownerId: string;
let owner: DatasetClient;
let other: DatasetClient;
let admin: DatasetClient;
let nobody: DatasetClient;
let picture: Buffer;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  const users = [await stack.createUser(), await stack.createUser()] as const;
  ownerId = users[0].id;
  const [one, two, three, four] = [users[0].token, users[1].token, stack.serviceRoleKey, undefined].map(
    (token) => createDatasetClient(createApiClient(url, token)),
  ) as [DatasetClient, DatasetClient, DatasetClient, DatasetClient];
  [owner, other, admin, nobody] = [one, two, three, four];
  picture = await plainPicture(8, 8);
});
after(() => stack.stop());

/** Every way to change a dataset that is there. */
function changesOf(datasets: DatasetClient, id: string, imageId = UNKNOWN_ID): Promise<Answer>[] {
  return [
    datasets.change(id, { name: 'Mine now' }),
    datasets.remove(id),
    datasets.upload(id, images(picture)),
    datasets.removeImage(id, imageId),
    datasets.setLogo(id, [{ name: 'logo', content: picture, filename: 'logo.png' }]),
    datasets.removeLogo(id),
  ];
}

/** All but what differs from request to request, and the address that was asked. */
function comparable({ status, body }: Answer) {
  const { request_id, instance, ...rest } = body;
  return { status, ...rest };
}

async function addWithImage(datasets: DatasetClient): Promise<Json> {
  const { id } = await datasets.add({ name: 'As it was' });
  const answer = await datasets.upload(id, images(picture));
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

describe("a user's dataset", () => {
  it('is to another user and to nobody exactly like one that is not there', async () => {
    const dataset = await addWithImage(owner);

    for (const stranger of [other, nobody]) {
      const unknown = await stranger.read(UNKNOWN_ID);
      assertProblem(unknown, 404, 'not_found');
      assert.deepEqual(comparable(await stranger.read(dataset.id)), comparable(unknown));
      assert.ok(!(await stranger.list()).text.includes(dataset.id));
    }
    const hidden = await Promise.all(changesOf(other, dataset.id, dataset.images[0].id));
    const unknown = await Promise.all(changesOf(other, UNKNOWN_ID));
    for (const answer of hidden) assertProblem(answer, 404, 'not_found');
    assert.deepEqual(hidden.map(comparable), unknown.map(comparable));
    assert.deepEqual((await owner.read(dataset.id)).body, dataset);
  });

  it('is seen and changed by an admin', async () => {
    const { id } = await addWithImage(owner);

    assert.ok((await admin.list()).text.includes(id));
    assert.equal((await admin.change(id, { name: 'Seen to' })).status, 200);
    assert.equal((await admin.upload(id, images(picture))).body.images.length, 2);
    const { body } = await owner.read(id);
    assert.deepEqual([body.name, body.images.length, body.shared], ['Seen to', 2, false]);
  });

  it('is theirs by API key, too', async () => {
    const user = await stack.createUser();
    const signedIn = createApiClient(url, user.token);
    const { body: key } = await signedIn.send('POST', '/ai/api-keys', {
      body: JSON.stringify({ name: 'script' }),
      headers: { 'content-type': 'application/json' },
    });
    const script = createDatasetClient(createApiClient(url, key.secret));

    const { id } = await addWithImage(script);

    assert.equal((await createDatasetClient(signedIn).read(id)).status, 200);
    assert.equal((await script.remove(id)).status, 204);
  });

  it('cannot be made for another, nor by nobody', async () => {
    assertProblem(await other.create({ owner_id: ownerId }), 403, 'forbidden');
    assertProblem(await nobody.create({ name: 'A' }), 401, 'unauthorized');
    for (const id of [ownerId, ownerId.toUpperCase()]) {
      assert.equal((await owner.create({ owner_id: id })).status, 201);
    }
  });

  it('is made for a user by an admin who names them', async () => {
    const { id, shared } = await admin.add({ owner_id: ownerId, name: 'A gift' });

    assert.equal(shared, false);
    assert.equal((await owner.change(id, { name: 'Thanks' })).status, 200);
    assertProblem(await other.read(id), 404, 'not_found');
    const wrong = await admin.create({ owner_id: 'somebody' });
    assertProblem(wrong, 422, 'validation_failed');
    assert.deepEqual(pointersOf(wrong), ['/owner_id']);
  });
});

describe('a shared dataset', () => {
  it('is made by an admin and read by all', async () => {
    const { id, shared } = await admin.add({ name: 'For all' });

    assert.equal(shared, true);
    for (const reader of [owner, other, nobody, admin]) {
      assert.equal((await reader.read(id)).body.name, 'For all');
      assert.ok((await reader.list()).text.includes(id));
    }
  });

  it('is changed by an admin only', async () => {
    const dataset = await addWithImage(admin);
    const { id } = dataset;
    const imageId = dataset.images[0].id;

    for (const answer of await Promise.all(changesOf(owner, id, imageId))) {
      assertProblem(answer, 403, 'forbidden');
    }
    for (const answer of await Promise.all(changesOf(nobody, id, imageId))) {
      assertProblem(answer, 401, 'unauthorized');
    }
    assert.deepEqual((await owner.read(id)).body, dataset);
    assert.match(dataset.images[0].url, /\/dataset-images\/shared\//);
    assert.equal((await admin.removeImage(id, imageId)).status, 204);
    assert.equal((await admin.remove(id)).status, 204);
  });

  it('is for who signs in where anonymous callers are not served', async () => {
    const { id } = await admin.add({ name: 'For users' });
    const closed = await stack.startApi({ ANONYMOUS_ACCESS: 'false' });
    const outside = createDatasetClient(createApiClient(closed.url));
    const user = await stack.createUser();

    for (const answer of [await outside.read(id), await outside.list(), await outside.create({})]) {
      assertProblem(answer, 401, 'unauthorized');
    }
    const inside = createDatasetClient(createApiClient(closed.url, user.token));
    assert.equal((await inside.read(id)).status, 200);
  });
});

it('a bad token is refused and does not fall back to nobody', async () => {
  const wrong = createDatasetClient(createApiClient(url, 'not-a-token'));

  for (const answer of [
    await wrong.list(),
    await wrong.create({}),
    ...(await Promise.all(changesOf(wrong, UNKNOWN_ID))),
  ]) {
    assertProblem(answer, 401, 'unauthorized');
  }
});
