import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ContractTarget, startContractTarget } from '../support/contract-target.ts';

let target: ContractTarget;
let bucket: string;
before(async () => {
  target = await startContractTarget();
  bucket = target.name('listed');
  await target.service.storage.createBucket(bucket, { public: true });
});
after(() => target.close());

const files = () => target.service.storage.from(bucket);

async function upload(...keys: string[]): Promise<void> {
  for (const key of keys) assert.equal((await files().upload(key, key)).error, null);
}

async function listNames(...list: Parameters<ReturnType<typeof files>['list']>): Promise<string[]> {
  const { data, error } = await files().list(...list);
  assert.equal(error, null);
  return data?.map(({ name }) => name) ?? [];
}

async function codeOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { code: unknown }).code;
}

describe('a listing', () => {
  it('has folders as rows with id null, and objects with what is known of them', async () => {
    await upload('shape/file.txt', 'shape/inner/deep/file.txt');
    const { data } = await files().list('shape');
    const [folder, file] = data ?? [];
    assert.deepEqual(folder, {
      name: 'inner',
      id: null,
      updated_at: null,
      created_at: null,
      last_accessed_at: null,
      metadata: null,
    });
    assert.equal(file?.name, 'file.txt');
    assert.ok(file?.id && file.created_at && file.updated_at && file.last_accessed_at);
    assert.equal(file.metadata?.size, 'shape/file.txt'.length);
    assert.equal(file.metadata?.mimetype, 'text/plain;charset=UTF-8');
  });

  it('is empty for a missing folder and a missing bucket', async () => {
    assert.deepEqual(await listNames('no/such/folder'), []);
    const { data } = await target.service.storage.from(target.name('none')).list();
    assert.deepEqual(data, []);
  });

  it('has 100 rows unless told otherwise, and pages', async () => {
    const keys = Array.from({ length: 105 }, (_, n) => `many/${String(n).padStart(3, '0')}`);
    await Promise.all(keys.map((key) => files().upload(key, 'x')));
    assert.equal((await listNames('many')).length, 100);
    assert.deepEqual(await listNames('many', { offset: 102 }), ['102', '103', '104']);
    assert.deepEqual(await listNames('many', { limit: 2, offset: 1 }), ['001', '002']);
    assert.deepEqual(await listNames('many', { limit: 1, sortBy: { column: 'name', order: 'desc' } }), [
      '104',
    ]);
  });

  it('finds names by their beginning and sorts by time', async () => {
    await upload('sorted/b1', 'sorted/a1', 'sorted/b2');
    assert.deepEqual(await listNames('sorted', { search: 'b' }), ['b1', 'b2']);
    const sortBy = { column: 'created_at', order: 'desc' };
    assert.deepEqual(await listNames('sorted', { sortBy }), ['b2', 'a1', 'b1']);
  });

  it('shows an object and a folder of the same name', async () => {
    await upload('same/a', 'same/a/b');
    assert.deepEqual(await listNames('same'), ['a', 'a']);
  });

  it('shows nothing to anon', async () => {
    const { data } = await target.anon.storage.from(bucket).list('same');
    assert.deepEqual(data, []);
  });

  it('stays inside its bucket', async () => {
    for (const prefix of ['..', '../..', 'same/../..', '\0', '/etc']) {
      assert.deepEqual(await listNames(prefix), [], prefix);
    }
  });
});

describe('a removal', () => {
  it('answers the rows that were removed, and [] when none was there', async () => {
    await upload('gone/a', 'gone/b');
    const { data } = await files().remove(['gone/a', 'gone/none', 'gone/b']);
    assert.deepEqual(data?.map(({ name }) => name).sort(), ['gone/a', 'gone/b']);
    assert.deepEqual((await files().remove(['gone/a'])).data, []);
    assert.equal((await files().exists('gone/a')).data, false);
  });

  it('takes a folder away with its last object', async () => {
    await upload('empty/one/a');
    await files().remove(['empty/one/a']);
    assert.deepEqual(await listNames('empty'), []);
    assert.ok(!(await listNames('')).includes('empty'));
  });

  it('of nothing is an error', async () => {
    const { error } = await files().remove([]);
    assert.equal(error?.statusCode, '400');
  });

  it('of one object answers a message, or 404 in the body', async () => {
    await upload('single');
    const removed = await target.storage(`/object/${bucket}/single`, { method: 'DELETE' });
    const again = await target.storage(`/object/${bucket}/single`, { method: 'DELETE' });
    assert.deepEqual(await removed.json(), { message: 'Successfully deleted' });
    assert.deepEqual([again.status, await codeOf(again)], [400, 'NoSuchKey']);
  });

  it('by anon removes nothing', async () => {
    await upload('kept');
    const { data } = await target.anon.storage.from(bucket).remove(['kept']);
    assert.deepEqual(data, []);
    assert.equal((await files().exists('kept')).data, true);
  });

  it('beside uploads into the same folder loses none of them', async () => {
    const rounds = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(
      rounds.map(async (n) => {
        await upload(`busy/folder/${n}`);
        if (n % 2 === 0) await files().remove([`busy/folder/${n}`]);
      }),
    );
    assert.equal((await listNames('busy/folder')).length, 25);
  });
});

describe('a bucket', () => {
  it('is made, read, changed, listed and deleted', async () => {
    const { storage } = target.service;
    const id = target.name('life');
    const options = { public: false, fileSizeLimit: '20MB', allowedMimeTypes: ['image/png'] };
    assert.deepEqual((await storage.createBucket(id, options)).data, { name: id });
    const made = await storage.getBucket(id);
    assert.deepEqual(
      [made.data?.id, made.data?.public, made.data?.file_size_limit, made.data?.allowed_mime_types],
      [id, false, 20_000_000, ['image/png']],
    );
    await storage.updateBucket(id, { public: true });
    const changed = await storage.getBucket(id);
    assert.deepEqual([changed.data?.public, changed.data?.file_size_limit], [true, 20_000_000]);
    assert.ok((await storage.listBuckets()).data?.some((each) => each.id === id));
    assert.deepEqual((await storage.deleteBucket(id)).data, { message: 'Successfully deleted' });
    assert.equal((await storage.getBucket(id)).error?.message, 'Bucket not found');
  });

  it('that exists is 409 in the body', async () => {
    const { error } = await target.service.storage.createBucket(bucket);
    assert.deepEqual(
      [error?.status, error?.statusCode, error?.message],
      [400, '409', 'The resource already exists'],
    );
  });

  it('with objects in it cannot be deleted', async () => {
    const { error } = await target.service.storage.deleteBucket(bucket);
    assert.deepEqual(
      [error?.statusCode, error?.message],
      ['409', 'The bucket you tried to delete is not empty'],
    );
  });

  it('cannot be made by anon, and anon sees none', async () => {
    const { error } = await target.anon.storage.createBucket(target.name('by_anon'));
    assert.deepEqual(
      [error?.statusCode, error?.message],
      ['403', 'new row violates row-level security policy'],
    );
    assert.deepEqual((await target.anon.storage.listBuckets()).data, []);
  });

  it('has a name that is no path', async () => {
    const { error } = await target.service.storage.createBucket('../outside');
    assert.equal(error?.statusCode, '400');
    const reached = await target.storage('/object/..%2Foutside/a', { method: 'POST', body: 'x' });
    assert.equal(await codeOf(reached), 'NoSuchBucket');
  });
});
