import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, createApiClient, IMAGES, type Json } from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
let userId: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
});
beforeEach(async () => {
  const user = await stack.createUser();
  userId = user.id;
  api = createApiClient(url, user.token);
});
after(() => stack.stop());

const idsOf = (answer: Answer): string[] => answer.body.items.map((item: Json) => item.id);

async function submitMany(count: number, fields: Record<string, unknown> = {}): Promise<string[]> {
  const records = await Promise.all(Array.from({ length: count }, () => api.submit(fields)));
  return records.map((record) => record.id);
}

/** Follows the cursor to the end. */
async function walk(query: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const page: Answer = await api.history(`?${query}${cursor ? `&cursor=${cursor}` : ''}`);
    assert.equal(page.status, 200, page.text);
    pages.push(idsOf(page));
    cursor = page.body.next_cursor;
  } while (cursor !== null);
  return pages;
}

describe('history', () => {
  it('is empty at first', async () => {
    const answer = await api.history();

    assert.deepEqual(answer.body, { items: [], limit: 50, offset: 0, next_cursor: null });
    assert.equal(answer.headers.get('link'), null);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  });

  it('has the newest first', async () => {
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push((await api.submit()).id);

    assert.deepEqual(idsOf(await api.history()), ids.toReversed());
  });

  it('has 50 a page unless told otherwise, and 100 at most', async () => {
    await submitMany(101);

    assert.equal(idsOf(await api.history()).length, 50);
    assert.equal(idsOf(await api.history('?limit=100')).length, 100);
    assert.equal(idsOf(await api.history('?limit=1')).length, 1);
    assert.equal(idsOf(await api.history(`?ids=${idsOf(await api.history('?limit=100'))}`)).length, 100);
  });
});

describe('an offset', () => {
  it('leaves out as many of the newest', async () => {
    await submitMany(5);
    const all = idsOf(await api.history());

    const answer = await api.history('?limit=2&offset=2');

    assert.deepEqual(idsOf(answer), all.slice(2, 4));
    assert.deepEqual([answer.body.limit, answer.body.offset], [2, 2]);
  });

  it('beyond the end is an empty page', async () => {
    await submitMany(2);

    assert.deepEqual((await api.history('?offset=10000')).body.items, []);
  });

  it('goes on by a cursor, which counts from there', async () => {
    await submitMany(5);
    const all = idsOf(await api.history());

    const first = await api.history('?limit=2&offset=1');
    const link = /<(.+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';

    assert.deepEqual(idsOf(await api.get(link)), all.slice(3));
  });
});

describe('a cursor', () => {
  it('leads through everything once, in order, and ends', async () => {
    await submitMany(7);

    const pages = await walk('limit=3');

    assert.deepEqual(
      pages.map((page) => page.length),
      [3, 3, 1],
    );
    assert.deepEqual(pages.flat(), idsOf(await api.history()));
  });

  it('is null on a last page that is full', async () => {
    await submitMany(4);

    assert.deepEqual(
      (await walk('limit=2')).map((page) => page.length),
      [2, 2],
    );
  });

  it('leads through images of one and the same moment, and of a microsecond apart', async () => {
    const ids = await submitMany(6);
    await stack.sql(
      `update generated_images set created_at = timestamptz '2026-01-02 03:04:05.123456+00'
         + (case when id < $2 then interval '0' else interval '1 microsecond' end) where user_id = $1`,
      [userId, ids.toSorted()[3]],
    );

    const walked = (await walk('limit=1')).flat();

    assert.deepEqual(walked, ids.toSorted().toReversed());
  });

  it('is not disturbed by what is submitted meanwhile', async () => {
    await submitMany(4);
    const first = await api.history('?limit=2');
    const all = idsOf(await api.history());
    await submitMany(3);

    assert.deepEqual(idsOf(await api.history(`?limit=2&cursor=${first.body.next_cursor}`)), all.slice(2));
  });
});

describe('the Link header', () => {
  it('is the next page as it is, with limit and filters, and ends', async () => {
    const dataset_id = randomUUID();
    await stack.sql('insert into datasets (id) values ($1)', [dataset_id]);
    const ids = await submitMany(5, { dataset_id });
    await submitMany(2);

    const walked = [];
    let path: string | undefined = `${IMAGES}?limit=2&status=pending,processing&dataset_id=${dataset_id}`;
    while (path) {
      const page: Answer = await api.get(path);
      walked.push(...idsOf(page));
      const link: string = page.headers.get('link') ?? '';
      assert.equal(link !== '', page.body.next_cursor !== null);
      assert.match(link, /^(<[^>]+>; rel="next")?$/);
      path = /<(.+)>/.exec(link)?.[1];
    }

    assert.deepEqual(walked.toSorted(), ids.toSorted());
    assert.equal(new Set(walked).size, 5);
  });
});

describe('a filter', () => {
  it('by dataset shows its images only', async () => {
    const dataset_id = randomUUID();
    await stack.sql('insert into datasets (id) values ($1)', [dataset_id]);
    const ids = await submitMany(2, { dataset_id });
    await submitMany(2);

    assert.deepEqual(idsOf(await api.history(`?dataset_id=${dataset_id}`)).toSorted(), ids.toSorted());
    assert.deepEqual(idsOf(await api.history(`?dataset_id=${randomUUID()}`)), []);
  });

  it('by status shows those that are in one of them', async () => {
    const [waits, fails, stops] = await submitMany(3);
    await stack.sql(
      `update generated_images set status = 'failed', error_code = 'internal', completed_at = now() where id = $1`,
      [fails],
    );
    await stack.sql(`update generated_images set status = 'canceled', completed_at = now() where id = $1`, [
      stops,
    ]);

    assert.deepEqual(idsOf(await api.history('?status=pending')), [waits]);
    assert.deepEqual(idsOf(await api.history('?status=failed')), [fails]);
    assert.deepEqual(
      idsOf(await api.history('?status=failed,canceled')).toSorted(),
      [fails, stops].toSorted(),
    );
    assert.deepEqual(idsOf(await api.history('?status=succeeded,processing,expired')), []);
    assert.equal(
      idsOf(await api.history('?status=pending,processing,succeeded,failed,canceled,expired')).length,
      3,
    );
  });

  it('holds on every page behind a cursor', async () => {
    const ids = await submitMany(7);
    const failed = ids.filter((_, n) => n % 2 === 0);
    await stack.sql(
      `update generated_images set status = 'failed', error_code = 'internal', completed_at = now() where id = any ($1)`,
      [failed],
    );

    const pages = await walk('status=failed&limit=1');

    assert.deepEqual(pages.flat().toSorted(), failed.toSorted());
  });
});
