import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { plainPicture } from '../support/gemini-answers.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { assertProblem, createApiClient, pointersOf } from './api-client.ts';
import { createDatasetClient, type DatasetClient, images } from './dataset-client.ts';

/** What a dataset is to whom. Who may do what at all is in authorization-table.ts. */
let stack: TestStack;
let ownerId: string;
let owner: DatasetClient;
let other: DatasetClient;
let admin: DatasetClient;
let picture: Buffer;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  const as = (token: string) => createDatasetClient(createApiClient(url, token));
  const [one, two] = [await stack.createUser(), await stack.createUser()];
  ownerId = one.id;
  [owner, other, admin] = [as(one.token), as(two.token), as(stack.serviceRoleKey)];
  picture = await plainPicture(8, 8);
});
after(() => stack.stop());

describe("a user's dataset", () => {
  it('stays theirs when an admin changes it', async () => {
    const { id } = await owner.add({ name: 'As it was' });

    assert.equal((await admin.change(id, { name: 'Seen to' })).status, 200);
    const { body: changed } = await admin.upload(id, images(picture));

    assert.deepEqual((await owner.read(id)).body, changed);
    assert.deepEqual([changed.name, changed.images.length, changed.shared], ['Seen to', 1, false]);
    assert.ok(changed.images[0].url.includes(`/dataset-images/${ownerId}/`));
  });

  it('may be made by naming oneself, however the id is written', async () => {
    for (const id of [ownerId, ownerId.toUpperCase()]) {
      assert.equal((await owner.create({ owner_id: id })).status, 201);
    }
  });

  it('is made for them by an admin who names them', async () => {
    const { id, shared } = await admin.add({ owner_id: ownerId, name: 'A gift' });

    assert.equal(shared, false);
    assert.equal((await owner.change(id, { name: 'Thanks' })).status, 200);
    assertProblem(await other.read(id), 404, 'not_found');
    const wrong = await admin.create({ owner_id: 'somebody' });
    assertProblem(wrong, 422, 'validation_failed');
    assert.deepEqual(pointersOf(wrong), ['/owner_id']);
  });
});

it('a shared dataset is one that an admin makes for nobody, and says so', async () => {
  const { id } = await admin.add({ name: 'For all' });
  const { body: dataset } = await admin.upload(id, images(picture));

  assert.equal(dataset.shared, true);
  assert.ok(dataset.images[0].url.includes('/dataset-images/shared/'));
  assert.deepEqual((await other.read(id)).body, dataset);
});
