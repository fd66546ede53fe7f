import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { createApiClient, IMAGES } from './api-client.ts';

const MOST = 200;

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
});
after(() => stack.stop());

it('a caller is kept waiting 200 times at once; more are answered without waiting, and others wait', async () => {
  const [one, other] = [await stack.createUser(), await stack.createUser()];
  const api = createApiClient(url, one.token);
  const ofOther = createApiClient(url, other.token);
  const [image, another] = [await api.submit(), await ofOther.submit()];
  const applied: (string | null)[] = [];
  const wait = async () => {
    const answer = await api.get(`${IMAGES}/${image.id}`, { prefer: 'wait=50' });
    applied.push(answer.headers.get('preference-applied'));
    assert.equal(answer.status, 200);
  };

  const waiting = Array.from({ length: MOST + 10 }, wait);
  await waitFor('those for whom there is no room', () => applied.length === 10);
  const answer = ofOther.get(`${IMAGES}/${another.id}`, { prefer: 'wait=50' });
  await ofOther.send('POST', `${IMAGES}/${another.id}/cancel`);
  assert.equal((await answer).headers.get('preference-applied'), 'wait=50');
  assert.deepEqual(new Set(applied), new Set([null]));

  await api.send('POST', `${IMAGES}/${image.id}/cancel`);
  await Promise.all(waiting);
  assert.deepEqual(new Set(applied.slice(10)), new Set(['wait=50']));
  await wait();
  assert.equal(applied.at(-1), 'wait=50');
});
