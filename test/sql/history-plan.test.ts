import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { fillHistory } from '../support/sql-history.ts';
import { type Explained, explainAll } from '../support/sql-plans.ts';
import type { Row } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
after(() => db.close());

const PAGE = 50;
/** Pages of 8 kB that a history page may touch: its rows, the way to them, and some for places in lanes. */
const FEW_PAGES = 500;

let history: Awaited<ReturnType<typeof fillHistory>>;
before(
  async () => {
    history = await fillHistory(db);
  },
  { timeout: 180_000 },
);

type Page = { items: Row[]; next: { created_at: string; id: string } | null };
type Search = { user?: string | null; admin?: boolean; filter?: object } & Record<string, unknown>;

async function explainSearch({ user = null, admin = false, filter = {}, ...options }: Search) {
  const client = await db.connect({ asOwner: true });
  let page: Page | undefined;
  const args = { p_user_id: user, p_admin: admin, p_filter: JSON.stringify(filter), p_limit: PAGE };
  try {
    const explained = await explainAll(client, async () => {
      [page] = await callFunction<Page>(client, 'search_generations', { ...args, ...options });
    });
    return { ...explained, page: page as Page, read: explained.rowsRead('generated_images') };
  } finally {
    client.release();
  }
}

/** Where a cursor stands that has walked over this share of somebody's history. */
async function cursorAt(condition: string, share: number) {
  const [row] = await db.sql<{ id: string; created_at: string }>(
    `select id, created_at::text from public.generated_images where ${condition}
     order by created_at desc, id desc
     offset (select floor(count(*) * ${share}) from public.generated_images where ${condition}) limit 1`,
  );
  return { p_cursor_created_at: row?.created_at, p_cursor_id: row?.id };
}

function assertNoTableRead(explained: Explained): void {
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsSorted <= 3 * PAGE, `${explained.rowsSorted} rows were sorted`);
}

const CALLERS = {
  'a user with 50,000 images': () => ({ user: history.big }),
  'a user whose images are the oldest': () => ({ user: history.former }),
  'a user with 60 images': () => ({ user: history.small }),
  'anonymous callers': () => ({ user: null }),
  'an admin': () => ({ admin: true }),
  'an admin who asks for one user': () => ({ admin: true, filter: { user_id: history.big } }),
} satisfies Record<string, () => Search>;

for (const [who, caller] of Object.entries(CALLERS)) {
  for (const p_ascending of [false, true]) {
    const order = p_ascending ? 'oldest first' : 'newest first';
    test(`a page at the start and one deep in the history of ${who} cost the same, ${order}`, async () => {
      const search: Search = { ...caller(), p_ascending };
      const id = search.admin ? (search.filter as { user_id?: string } | undefined)?.user_id : search.user;
      const condition = search.admin && !id ? 'true' : id ? `user_id = '${id}'` : 'user_id is null';
      const share = who.includes('60') ? 0.1 : 0.7;

      const start = await explainSearch(search);
      const deep = await explainSearch({
        ...search,
        ...(await cursorAt(condition, p_ascending ? 1 - share : share)),
      });

      for (const explained of [start, deep]) {
        assertNoTableRead(explained);
        assert.ok(explained.read <= 2 * PAGE, `${explained.read} rows were read`);
      }
      assert.equal(start.page.items.length, PAGE);
      assert.ok(deep.pages <= 1.5 * start.pages + 20, `${deep.pages} pages after ${start.pages}`);
    });
  }
}

/** Filters of which some find much, some nothing, and some much of others' but nothing of the caller's. */
const FILTERS = {
  'a dataset': () => ({ dataset_id: history.dataset }),
  "a dataset of others' images": () => ({ dataset_id: history.othersDataset }),
  'an unknown dataset': () => ({ dataset_id: randomUUID() }),
  'a usual style': () => ({ style: 'photo' }),
  "a style of others' images": () => ({ style: 'oil' }),
  'an unknown style': () => ({ style: 'none' }),
  'a usual status': () => ({ statuses: ['succeeded'] }),
  'a rare status': () => ({ statuses: ['failed'] }),
  'a status that no image has': () => ({ statuses: ['expired'] }),
  'a usual model': () => ({ model: 'model-a' }),
  'an unknown model': () => ({ model: 'none' }),
  'a batch': () => ({ batch_id: history.batch }),
  'an unknown batch': () => ({ batch_id: randomUUID() }),
  'a lineage': () => ({ root_id: history.root }),
  'an image without a lineage': () => ({ root_id: history.ids[0] }),
  'a hundred ids': () => ({ ids: history.ids }),
  'a day': () => ({ created_after: history.day[0], created_before: history.day[1] }),
  'a style of a dataset in a day': () => ({
    dataset_id: history.dataset,
    style: 'oil',
    created_after: history.day[0],
    created_before: history.day[1],
  }),
} satisfies Record<string, () => object>;

for (const [what, filter] of Object.entries(FILTERS)) {
  test(`history filtered by ${what} fetches few rows that do not match, whoever asks`, async () => {
    for (const [who, caller] of Object.entries(CALLERS)) {
      const search: Search = caller();
      const explained = await explainSearch({ ...search, filter: { ...filter(), ...search.filter } });

      assertNoTableRead(explained);
      // At worst the caller's part of one index is read, which holds some seventy rows a page.
      const most = FEW_PAGES + (search.admin ? 200_000 : 50_000) / 50;
      assert.ok(explained.pages <= most, `${who}: ${explained.pages} pages`);
      assert.ok(explained.read <= 500, `${who}: ${explained.read} rows were read`);
    }
  });
}

test('history filtered by several statuses reads no more than the images of one user', async () => {
  const explained = await explainSearch({
    user: history.small,
    filter: { statuses: ['failed', 'canceled'] },
  });

  assertNoTableRead(explained);
  assert.ok(explained.read <= 100, `${explained.read} rows were read`);
});

for (const [what, filter] of Object.entries({
  metadata: { metadata: { no: 'where' } },
  text: { q: 'nowhere' },
})) {
  test(`a search for ${what} that is nowhere looks through 10,000 images, whoever asks`, async () => {
    for (const [who, caller] of Object.entries(CALLERS)) {
      const search: Search = caller();
      const explained = await explainSearch({
        ...search,
        filter: { ...filter, ...search.filter },
        p_include_total: true,
      });

      assertNoTableRead(explained);
      // Once for the page, once for the total, and for where to go on.
      assert.ok(explained.read <= 30_000 + PAGE, `${who}: ${explained.read} rows were read`);
      assert.equal(explained.page.items.length, 0);
    }
  });
}

test('one image is read by its key', async () => {
  const client = await db.connect({ asOwner: true });

  const explained = await explainAll(client, () =>
    callFunction(client, 'get_generation', { p_id: history.ids[0], p_user_id: history.big }),
  );

  client.release();
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('generated_images') <= 1);
});

test('the image of one Idempotency-Key among 200,000 is read by that key', async () => {
  await db.sql(`
    insert into public.idempotency_keys (scope, key, request_hash, image_id)
    select 'caller ' || row_number() over () % 2000, 'key ' || id, 'hash', id from public.generated_images`);
  await db.sql('vacuum analyze public.idempotency_keys');
  const [key] = await db.sql<{ scope: string; key: string; image_id: string }>(
    'select scope, key, image_id from public.idempotency_keys offset 100000 limit 1',
  );
  const client = await db.connect({ asOwner: true });
  let found: Row[] = [];

  const explained = await explainAll(client, async () => {
    const args = { p_scope: key?.scope, p_key: key?.key, p_request_hash: 'hash' };
    found = await callFunction<Row>(client, 'find_replayed_generation', args);
  });

  client.release();
  assert.deepEqual(
    found.map(({ id }) => id),
    [key?.image_id],
  );
  assert.deepEqual(explained.sequentialScans, []);
  assert.ok(explained.rowsRead('idempotency_keys') + explained.rowsRead('generated_images') <= 2);
});
