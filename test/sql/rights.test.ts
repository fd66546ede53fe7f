import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { asRole } from '../support/sql-as-role.ts';
import { errorCode, openSqlDatabase } from '../support/sql-database.ts';
import { createGenerations } from '../support/sql-generations.ts';

const db = await openSqlDatabase();
const generations = createGenerations(db);
after(() => db.close());

const PERMISSION_DENIED = '42501';
const OUTSIDE = ['anon', 'authenticated'] as const;
const TABLES = (
  await db.sql<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  )
).map((row) => row.name);

test('no function can be executed by anybody but service_role', async () => {
  const open = await db.sql(`
    select p.oid::regprocedure::text as function, r.rolname as role
    from pg_proc p cross join pg_roles r
    where p.pronamespace = 'public'::regnamespace and r.rolname in ('anon', 'authenticated')
      and has_function_privilege(r.oid, p.oid, 'execute')
    union all
    select p.oid::regprocedure::text, 'public' from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where p.pronamespace = 'public'::regnamespace and a.grantee = 0`);

  assert.deepEqual(open, []);
});

test('service_role can execute every function that is not a trigger', async () => {
  const closed = await db.sql(`
    select p.oid::regprocedure::text as function from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
      and not has_function_privilege('service_role', p.oid, 'execute')`);

  assert.deepEqual(closed, []);
});

test('every function names its search path, and it is empty', async () => {
  const loose = await db.sql(`
    select p.oid::regprocedure::text as function, p.proconfig as settings from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not coalesce(p.proconfig, '{}') @> array['search_path=""']`);

  assert.deepEqual(loose, []);
});

test('only triggers run with the rights of their owner, and what looks whether a user is there', async () => {
  const definers = await db.sql(`
    select p.oid::regprocedure::text as function from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prosecdef and p.prorettype <> 'trigger'::regtype
    order by 1`);

  assert.deepEqual(
    definers.map((one) => one.function),
    ['user_is_active(uuid)', 'webhook_user_state(uuid)'],
  );
});

test('every table has row level security', async () => {
  const open = await db.sql(`
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity`);

  assert.deepEqual(open, []);
});

test('outside service_role nobody has a right on a table, but signed-in users may read images and batches', async () => {
  const rights = await db.sql(`
    select c.relname as table, r.rolname as role, p.name as right
    from pg_class c cross join pg_roles r
    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p (name)
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'm', 'p')
      and r.rolname in ('anon', 'authenticated') and has_table_privilege(r.oid, c.oid, p.name)`);

  assert.deepEqual(rights.map(({ table, role, right }) => `${role} ${right} ${table}`).sort(), [
    'authenticated select batches',
    'authenticated select generated_images',
  ]);
});

test('outside service_role nobody has a right on a sequence', async () => {
  const rights = await db.sql(`
    select c.relname as sequence, r.rolname as role from pg_class c cross join pg_roles r
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'S' and r.rolname in ('anon', 'authenticated')
      and has_sequence_privilege(r.oid, c.oid, 'usage, select, update')`);

  assert.deepEqual(rights, []);
});

for (const role of OUTSIDE) {
  test(`${role} is refused at the door of tables and functions`, async () => {
    const codes = new Map<string, string | null>();
    for (const table of TABLES) {
      if (!['generated_images', 'batches'].includes(table) || role === 'anon')
        codes.set(`read ${table}`, await errorCode(asRole(db, role, `select 1 from public.${table}`)));
      codes.set(`delete ${table}`, await errorCode(asRole(db, role, `delete from public.${table}`)));
      codes.set(
        `insert ${table}`,
        await errorCode(asRole(db, role, `insert into public.${table} default values`)),
      );
    }
    for (const call of [
      'release_generations(0)',
      'expire_generations()',
      `get_generation(gen_random_uuid(), null)`,
      `get_generations('[]')`,
    ])
      codes.set(call, await errorCode(asRole(db, role, `select public.${call}`)));

    assert.deepEqual(
      [...codes].filter(([, code]) => code !== PERMISSION_DENIED),
      [],
    );
  });
}

for (const statement of [
  'insert into public.generation_events (image_id, to_status, attempt) select id, status, 1 from public.generated_images',
  `update public.generation_events set to_status = 'x'`,
  'delete from public.generation_events',
  'truncate public.generation_events',
]) {
  test(`service_role cannot ${statement.split(' ')[0]} events`, async () => {
    await generations.addPending();

    assert.equal(await errorCode(asRole(db, 'service_role', statement)), PERMISSION_DENIED);
  });
}

test('service_role reads events', async () => {
  const id = await generations.addPending();

  const read = await asRole(
    db,
    'service_role',
    `select to_status from public.generation_events where image_id = '${id}'`,
  );

  assert.deepEqual(read, [{ to_status: 'pending' }]);
});
