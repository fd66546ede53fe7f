import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import test, { after } from 'node:test';
import { callFunction, errorCode, openSqlDatabase } from '../support/sql-database.ts';

const db = await openSqlDatabase();
after(() => db.close());

type Key = {
  id: string;
  user_id: string;
  name: string;
  hint: string;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
};
type Client = Parameters<typeof callFunction>[0];

const hash = (secret: string) => createHash('sha256').update(secret).digest();
const create = async (userId: string, fields: Record<string, unknown> = {}, client: Client = db.service) => {
  const id = randomUUID();
  const args = { p_id: id, p_user_id: userId, p_name: 'ci', p_hint: 'abcd', p_secret_hash: hash(id) };
  return (await callFunction<Key>(client, 'create_api_key', { ...args, ...fields }))[0];
};
const find = async (secret: string, client: Client = db.service) =>
  (
    await callFunction<{ id: string; user_id: string }>(client, 'find_api_key', {
      p_secret_hash: hash(secret),
    })
  )[0];
const list = async (userId: string | null, args = {}) =>
  (await callFunction<Key[]>(db.service, 'list_api_keys', { p_user_id: userId, ...args }))[0] ?? [];
const revoke = async (id: string, userId: string | null, admin = false) =>
  (await callFunction<Key>(db.service, 'revoke_api_key', { p_id: id, p_user_id: userId, p_admin: admin }))[0];
const ids = (keys: Key[]) => keys.map((key) => key.id);
const lastUsed = async (id: string) =>
  (await db.sql<{ at: Date | null }>('select last_used_at as at from public.api_keys where id = $1', [id]))[0]
    ?.at;

async function addKey(userId: string): Promise<Key> {
  const key = await create(userId);
  assert.ok(key);
  return key;
}

/** So many live keys at one stroke. */
const fill = (userId: string, count: number) =>
  db.sql(
    `insert into public.api_keys (id, user_id, name, hint, secret_hash)
     select gen_random_uuid(), $1, 'k', 'abcd', sha256(gen_random_uuid()::text::bytea) from generate_series(1, $2)`,
    [userId, count],
  );

test('a key opens as its user and shows all but its secret', async () => {
  const user = await db.createUser();

  const key = await addKey(user);

  assert.deepEqual(key, {
    id: key.id,
    user_id: user,
    name: 'ci',
    hint: 'abcd',
    created_at: key.created_at,
    last_used_at: null,
    revoked_at: null,
  });
  assert.deepEqual(await find(key.id), { id: key.id, user_id: user });
});

test('a secret that no key has opens nothing', async () => {
  assert.equal(await find('unknown'), undefined);
});

test('a create that is repeated answers the same key, and another key under its id is not told', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const key = await addKey(user);

  const again = await create(user, { p_id: key.id, p_secret_hash: hash(key.id) });
  const stolen = await create(other, { p_id: key.id, p_secret_hash: hash(key.id) });

  assert.deepEqual([again, stolen], [key, undefined]);
});

test('two keys with one secret are refused', async () => {
  const user = await db.createUser();
  const key = await addKey(user);

  assert.equal(await errorCode(create(user, { p_secret_hash: hash(key.id) })), '23505');
});

test('the hundred and first live key is refused, and a revoked one makes room', async () => {
  const user = await db.createUser();
  await fill(user, 99);
  const key = await addKey(user);

  assert.equal(await errorCode(create(user)), 'DRMAX');
  assert.deepEqual(await create(user, { p_id: key.id, p_secret_hash: hash(key.id) }), key);

  await revoke(key.id, user);
  assert.equal(await errorCode(create(user)), null);
});

test('twenty keys asked for at once do not exceed the limit', async () => {
  const user = await db.createUser();
  await fill(user, 95);

  const codes = await Promise.all(Array.from({ length: 20 }, () => errorCode(create(user))));

  assert.equal(codes.filter((code) => code === null).length, 5);
  assert.equal((await list(user, { p_limit: 1000 })).length, 100);
});

test('a revoked key opens nothing, at once and for good', async () => {
  const user = await db.createUser();
  const key = await addKey(user);

  const first = await revoke(key.id, user);
  const second = await revoke(key.id, user);

  assert.notEqual(first?.revoked_at, null);
  assert.deepEqual(second, first);
  assert.equal(await find(key.id), undefined);
});

test('only its user and an admin can revoke a key', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const key = await addKey(user);

  assert.deepEqual([await revoke(key.id, other), await revoke(key.id, null)], [undefined, undefined]);
  assert.equal((await find(key.id))?.id, key.id);
  assert.equal((await revoke(key.id, null, true))?.id, key.id);
});

test('the keys of a user who was deleted open nothing, and none can be made', async () => {
  const user = await db.createUser();
  const key = await addKey(user);

  await db.sql('delete from auth.users where id = $1', [user]);

  assert.equal(await find(key.id), undefined);
  assert.equal(await errorCode(create(user)), '23503');
});

test("the keys of users whom Supabase's Auth has banned or marked as deleted open nothing until they are back", async () => {
  await db.sql(`alter table auth.users add column if not exists deleted_at timestamptz,
    add column if not exists banned_until timestamptz`);
  const user = await db.createUser();
  const key = await addKey(user);
  const opened = async (change: string) => {
    await db.sql(`update auth.users set ${change} where id = $1`, [user]);
    return (await find(key.id)) !== undefined;
  };

  assert.deepEqual(
    [
      await opened(`banned_until = now() + interval '1 hour'`),
      await opened(`banned_until = now() - interval '1 hour'`),
      await opened('deleted_at = now()'),
      await opened('deleted_at = null'),
    ],
    [false, true, false, true],
  );
});

test('a database without auth.users takes keys as they come', async () => {
  const bare = await openSqlDatabase();
  try {
    await bare.sql('drop schema auth cascade');
    const key = await create(randomUUID(), {}, bare.service);

    assert.equal((await find(String(key?.id), bare.service))?.id, key?.id);
  } finally {
    await bare.close();
  }
});

test('a key remembers its last use, at most once a minute', async () => {
  const key = await addKey(await db.createUser());

  await find(key.id);
  const first = await lastUsed(key.id);
  await find(key.id);
  const second = await lastUsed(key.id);
  await db.sql(`update public.api_keys set last_used_at = now() - interval '61 seconds' where id = $1`, [
    key.id,
  ]);
  await find(key.id);
  const third = await lastUsed(key.id);

  assert.ok(first);
  assert.deepEqual(second, first);
  assert.ok(third && third > first);
});

test('a key whose row somebody else holds is found without waiting', async () => {
  const key = await addKey(await db.createUser());
  const holder = await db.connect();
  await holder.query('begin');
  await holder.query('select from public.api_keys where id = $1 for update', [key.id]);

  const found = await find(key.id);

  await holder.query('rollback');
  holder.release();
  assert.equal(found?.id, key.id);
});

test('keys are listed newest first, to their user and an admin, in pages', async () => {
  const [user, other] = [await db.createUser(), await db.createUser()];
  const keys = [await addKey(user), await addKey(user), await addKey(user)];
  const foreign = await addKey(other);
  await revoke(String(keys[1]?.id), user);
  const [oldest, revoked, newest] = ids(keys);

  assert.deepEqual(ids(await list(user)), [newest, oldest]);
  assert.deepEqual(ids(await list(user, { p_revoked: true })), [newest, revoked, oldest]);
  assert.deepEqual(await list(null), []);
  assert.deepEqual(
    new Set(ids(await list(null, { p_admin: true, p_limit: 3 }))),
    new Set([foreign.id, newest, oldest]),
  );

  const [first] = await list(user, { p_limit: 1 });
  const rest = await list(user, { p_before_created_at: first?.created_at, p_before_id: first?.id });
  assert.deepEqual(ids(rest), [oldest]);
});
