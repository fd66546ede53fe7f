import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test, { after, before } from 'node:test';
import type pg from 'pg';
import { callFunction, openSqlDatabase } from '../support/sql-database.ts';
import { explainAll } from '../support/sql-plans.ts';
import { createWebhooks } from '../support/sql-webhooks.ts';

const db = await openSqlDatabase();
const webhooks = createWebhooks(db);
after(() => db.close());

const RECEIVERS = 2_000;
let dead: string;
let ended: string;

// 500,000 that are due at one dead receiver, as many that have ended, and a thousand users whose time has not come.
before(
  async () => {
    [dead, ended] = [await db.createUser(), await db.createUser()];
    const insert = (user: string, count: number, status: string) =>
      db.sql(
        `insert into public.webhook_deliveries
           (id, user_id, type, image_id, url, host, body, status, due_at, created_at, completed_at)
         select gen_random_uuid(), $1, 'image.succeeded', gen_random_uuid(), 'https://dead.example.com/', 'dead.example.com',
           '{}', $3, now() - make_interval(secs => n), now() - make_interval(secs => n),
           case when $3 <> 'pending' then now() - make_interval(secs => n) end
         from generate_series(1, $2) n`,
        [user, count, status],
      );
    await insert(dead, 500_000, 'pending');
    await insert(ended, 200_000, 'succeeded');
    await db.sql(
      `insert into public.webhook_deliveries (id, user_id, type, image_id, url, host, body, due_at)
       select gen_random_uuid(), gen_random_uuid(), 'image.succeeded', gen_random_uuid(), 'https://later.example.com/',
         'later.example.com', '{}', now() + interval '1 hour'
       from generate_series(1, ${RECEIVERS})`,
    );
    await db.sql('analyze public.webhook_deliveries');
  },
  { timeout: 180_000 },
);

async function explain(work: (client: pg.PoolClient) => Promise<unknown>) {
  const client = await db.connect({ asOwner: true });
  try {
    return await explainAll(client, () => work(client));
  } finally {
    client.release();
  }
}

test("a claim finds another user's delivery among 500,000 that are due at a dead receiver", async () => {
  const user = await db.createUser();
  const [id] = await webhooks.add(user);
  // Nothing more may be sent to the dead one.
  await webhooks.claim(4, { user_id: dead, host: 'dead' });
  const found: string[] = [];

  const explained = await explain(async (client) => {
    for (let after = null as { user_id: string; host: string } | null, rounds = 0; rounds < 6; rounds += 1) {
      const claim = await webhooks.claim(100, after, client);
      found.push(...claim.deliveries.map((one) => one.id));
      if (claim.done) return;
      after = claim.after;
    }
  });

  assert.ok(found.includes(String(id)));
  assert.deepEqual(explained.sequentialScans, []);
  const read = explained.rowsRead('webhook_deliveries');
  assert.ok(read < 4 * RECEIVERS, `${read} rows were read`);
});

test('a claim looks at a thousand receivers at most', async () => {
  const explained = await explain((client) => webhooks.claim(100, null, client));

  const read = explained.rowsRead('webhook_deliveries');
  assert.ok(read <= 1_100, `${read} rows were read`);
});

test('a list, also of one status or one image, reads about a page', async () => {
  const [image] = await db.sql<{ image_id: string }>(
    'select image_id from public.webhook_deliveries where user_id = $1 limit 1',
    [ended],
  );
  const list = (args: Record<string, unknown>) =>
    explain((client) => callFunction(client, 'list_webhook_deliveries', { p_limit: 50, ...args }));
  for (const args of [
    { p_user_id: ended },
    { p_user_id: dead, p_status: 'pending' },
    { p_user_id: ended, p_image_id: image?.image_id },
    { p_user_id: null, p_admin: true },
    { p_user_id: null, p_admin: true, p_of_user: ended, p_status: 'succeeded' },
  ]) {
    const explained = await list(args);
    assert.deepEqual(explained.sequentialScans, []);
    const read = explained.rowsRead('webhook_deliveries');
    assert.ok(read <= 120, `${read} rows were read for ${JSON.stringify(args)}`);
  }
});

test('a report, a replay, the gauges and the removal of old ones read no more than they are about', async () => {
  const [row] = await db.sql<{ id: string }>(
    'select id from public.webhook_deliveries where user_id = $1 limit 1',
    [ended],
  );
  const explained = [
    await explain((client) =>
      callFunction(client, 'report_webhook_attempt', {
        p_id: row?.id,
        p_claim_id: randomUUID(),
        p_error_code: null,
        p_http_status: 200,
      }),
    ),
    await explain((client) =>
      callFunction(client, 'replay_webhook_delivery', { p_id: row?.id, p_user_id: ended }),
    ),
    await explain((client) => callFunction(client, 'prune_webhook_deliveries')),
    await explain((client) => callFunction(client, 'get_webhook_gauges')),
  ];

  assert.deepEqual(
    explained.flatMap((one) => one.sequentialScans),
    [],
  );
  const read = explained.map((one) => one.rowsRead('webhook_deliveries'));
  assert.ok(
    read.every((rows, index) => rows <= (index === 3 ? 10_001 : 1)),
    `${read}`,
  );
});
