import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';
import { explainAll } from '../support/sql-plans.ts';
import { newItem } from '../support/sql-rows.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

test('a connection that has submitted into an empty table does not read all of it when it has grown', async () => {
  const client = await db.connect({ asOwner: true });
  // From the sixth call on PostgreSQL keeps the plan.
  for (let n = 0; n < 8; n += 1) await generations.submit([newItem(), newItem()], client);
  await db.sql(`
    set session_replication_role = replica;
    insert into public.generated_images (
      id, prompt, full_prompt, status, completed_at, deadline_at, lane_key, model, root_id
    )
    select gen_random_uuid(), 'a', 'a', 'pending', null, now() + interval '1 hour', 'lane-' || n % 20, 'model-a', gen_random_uuid()
    from generate_series(1, 5000) n;
    reset session_replication_role`);

  const explained = await explainAll(client, () => generations.submit([newItem(), newItem()], client));

  client.release();
  assert.ok(!explained.sequentialScans.includes('generated_images'));
  assert.ok(
    explained.rowsRead('generated_images') <= 20,
    `${explained.rowsRead('generated_images')} images were read`,
  );
});
