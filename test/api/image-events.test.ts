import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, type Json } from './api-client.ts';

let stack: TestStack;
let url: string;
let token: string;
let user: ApiClient;
let other: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  ({ token } = await stack.createUser());
  user = createApiClient(url, token);
  other = createApiClient(url, (await stack.createUser()).token);
});
after(() => stack.stop());

const eventsOf = (id: string, api = user) => api.get(`${IMAGES}/${id}/events`);
const told = ({ events }: Json) =>
  events.map(({ from, to, attempt, error }: Json) => [from, to, attempt, error?.code ?? null]);

it('an attempt that failed and the one that succeeded are told with their worker and the reason', async () => {
  const worker = await stack.startWorker({ RETRY_BASE_MS: '10', RETRY_CAP_MS: '20' });
  const { id } = await user.submit({ prompt: 'A harbour [[sim:fault=503,ok]]' });
  const done = await waitForEnd(url, id, token);
  await worker.stop();

  const { status, body } = await eventsOf(id);

  assert.equal(status, 200);
  assert.deepEqual(told(body), [
    [null, 'pending', 0, null],
    ['pending', 'processing', 1, null],
    ['processing', 'pending', 1, 'upstream_error'],
    ['pending', 'processing', 2, null],
    ['processing', 'succeeded', 2, null],
  ]);
  assert.deepEqual(
    { id: body.id, status: body.status, started_at: body.started_at, completed_at: body.completed_at },
    { id, status: 'succeeded', started_at: done.started_at, completed_at: done.completed_at },
  );
  assert.equal(body.events[2].error.upstream.http_status, 503);
  assert.equal(new Set(body.events.slice(1).map((event: Json) => event.worker_id)).size, 1);
  const times = body.events.map(({ at }: Json) => Date.parse(at));
  assert.deepEqual(times, times.toSorted());
  assert.equal(body.is_complete, true);
});

it('what was canceled tells when that was asked for', async () => {
  const { id } = await user.submit();
  await user.send('POST', `${IMAGES}/${id}/cancel`);

  const { body } = await eventsOf(id);

  assert.deepEqual(told(body), [
    [null, 'pending', 0, null],
    ['pending', 'canceled', 0, null],
  ]);
  assert.notEqual(body.cancel_requested_at, null);
  assert.equal(body.started_at, null);
});

it("somebody else's image has no events, a deleted one has them no more", async () => {
  const { id } = await user.submit();
  assertProblem(await eventsOf(id, other), 404, 'not_found');
  await user.send('DELETE', `${IMAGES}/${id}`);

  assertProblem(await eventsOf(id), 410, 'gone');
});

it('of more than 500 events the last are told, and that there were more', async () => {
  const { id } = await user.submit();
  await stack.sql(
    `insert into public.generation_events (image_id, from_status, to_status, attempt)
     select $1, 'pending', 'processing', n from generate_series(1, 500) n`,
    [id],
  );

  const { body } = await eventsOf(id);

  assert.equal(body.is_complete, false);
  assert.deepEqual(
    body.events.map(({ attempt }: Json) => attempt),
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
});
