import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { asRole } from '../support/sql-as-role.ts';
import { openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

test('a signed-in user reads their own images and nobody else does', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const mine = await generations.addPending({ user_id: user });
  await generations.addPending({ user_id: other });
  await generations.addPending();

  const read = await asRole(db, 'authenticated', 'select id from public.generated_images', { sub: user });

  assert.deepEqual(read, [{ id: mine }]);
});

test('a signed-in user does not see an image that was deleted', async () => {
  const user = await db.createUser();
  const id = await generations.addPending({ user_id: user });
  await db.sql('update public.generated_images set deleted_at = now() where id = $1', [id]);

  assert.deepEqual(
    await asRole(db, 'authenticated', 'select id from public.generated_images', { sub: user }),
    [],
  );
});

test('a token without a user reads nothing, not even images of no user', async () => {
  await generations.addPending();

  assert.deepEqual(await asRole(db, 'authenticated', 'select id from public.generated_images'), []);
});

for (const policy of ['generous to public', 'generous to authenticated']) {
  test(`a policy ${policy} that the table had before shows no user more than their own`, async () => {
    const user = await db.createUser();
    const [mine, deleted] = [
      await generations.addPending({ user_id: user }),
      await generations.addPending({ user_id: user }),
    ];
    await generations.addPending({ user_id: await db.createUser() });
    await db.sql('update public.generated_images set deleted_at = now() where id = $1', [deleted]);
    await db.sql(
      `create policy before_us on public.generated_images to ${policy.split(' ').at(-1)} using (true) with check (true)`,
    );

    const read = await asRole(db, 'authenticated', 'select id from public.generated_images', { sub: user });

    await db.sql('drop policy before_us on public.generated_images');
    assert.deepEqual(read, [{ id: mine }]);
  });
}
