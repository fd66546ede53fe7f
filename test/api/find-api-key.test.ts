import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createFindApiKey } from '../../src/api/find-api-key.ts';

const SECRET = 'dk_secret';
const USER = '0198b8a0-1111-7222-8333-444455556666';

/** Of a database that has this key until it is revoked, and a clock that stands still until it is moved. */
function createFind() {
  const state = { isRevoked: false, lookups: 0, ms: 0 };
  const store = {
    async findApiKey() {
      state.lookups++;
      return state.isRevoked ? null : { id: USER, user_id: USER };
    },
  };
  return { state, find: createFindApiKey({ store, now: () => state.ms }) };
}

it('a key that is used all the time is looked up every five seconds', async () => {
  const { state, find } = createFind();

  for (state.ms = 0; state.ms < 60_000; state.ms += 100) assert.equal(await find(SECRET), USER);

  assert.equal(state.lookups, 12);
});

it('a key that was revoked opens nothing after five seconds, however busy it is', async () => {
  const { state, find } = createFind();
  await find(SECRET);
  state.isRevoked = true;

  for (state.ms = 100; state.ms < 5_000; state.ms += 100) assert.equal(await find(SECRET), USER);

  state.ms = 5_000;
  await assert.rejects(find(SECRET), { code: 'unauthorized' });
});

it('a key that is not good is looked up each time', async () => {
  const { state, find } = createFind();
  state.isRevoked = true;
  await assert.rejects(find(SECRET), { code: 'unauthorized' });
  state.isRevoked = false;

  assert.equal(await find(SECRET), USER);
});
