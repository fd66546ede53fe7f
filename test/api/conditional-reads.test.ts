import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES, UNKNOWN_ID } from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  api = createApiClient(url);
});
after(() => stack.stop());

const read = (id: string, headers: Record<string, string> = {}) => api.get(`${IMAGES}/${id}`, headers);
const cancel = (id: string) => api.send('POST', `${IMAGES}/${id}/cancel`);
const etagOf = (record: { id: string; status_sequence: number }) =>
  `W/"${record.id}-${record.status_sequence}"`;

describe('a read of an image', () => {
  it('tells its version, which rises with its status', async () => {
    const record = await api.submit();
    const pending = await read(record.id);
    const canceled = await cancel(record.id);

    assert.equal(pending.headers.get('etag'), etagOf(record));
    assert.equal(canceled.headers.get('etag'), etagOf(canceled.body));
    assert.ok(canceled.body.status_sequence > record.status_sequence);
    assert.equal(pending.headers.get('cache-control'), 'no-store');
    assert.equal(canceled.headers.get('cache-control'), 'private, no-cache');
  });

  it('is 304 for a version that the client has, among others or in whatever form', async () => {
    const record = await api.submit();
    const etag = etagOf(record);

    for (const header of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
      const answer = await read(record.id, { 'if-none-match': header });
      assert.deepEqual([answer.status, answer.text], [304, ''], header);
      assert.equal(answer.headers.get('etag'), etag);
      assert.notEqual(answer.headers.get('retry-after'), null);
    }
    for (const header of ['"x"', etagOf({ ...record, status_sequence: 99 })]) {
      assert.equal((await read(record.id, { 'if-none-match': header })).status, 200, header);
    }
  });
});

describe('a read that prefers to wait', () => {
  it('is answered when the image changes, long before its time is up', async () => {
    const record = await api.submit();
    const started = performance.now();

    const waiting = read(record.id, { prefer: 'wait=50', 'if-none-match': etagOf(record) });
    await cancel(record.id);
    const answer = await waiting;

    assert.deepEqual([answer.status, answer.body.status], [200, 'canceled']);
    assert.equal(answer.headers.get('preference-applied'), 'wait=50');
    assert.ok(performance.now() - started < 10_000);
  });

  it('hears of changes that another API and a worker make', async () => {
    const elsewhere = createApiClient((await stack.startApi()).url);
    const record = await api.submit();

    const waiting = read(record.id, { prefer: 'wait=50' });
    const worker = await stack.startWorker();
    const { status } = (await waiting).body;
    assert.ok(['processing', 'succeeded'].includes(status), status);
    let last = (await waiting).body;
    while (last.status !== 'succeeded') {
      const answer = await elsewhere.get(`${IMAGES}/${record.id}`, {
        prefer: 'wait=50',
        'if-none-match': etagOf(last),
      });
      assert.equal(answer.status, 200);
      last = answer.body;
    }
    await worker.stop();
  });

  it('misses nothing: a change since the version that the client has is answered at once', async () => {
    const record = await api.submit();
    await cancel(record.id);

    const answer = await read(record.id, { prefer: 'wait=50', 'if-none-match': etagOf(record) });

    assert.equal(answer.body.status, 'canceled');
  });

  it('misses nothing: not even that work has begun, while that goes on', async () => {
    const worker = await stack.startWorker();
    const key = randomUUID();
    const record = await api.submit({ prompt: `A harbour [[sim:bytes=1024; key=${key}; fault=hold:ok]]` });
    await stack.gemini.control.waitForCall(key);
    const started = performance.now();

    const answer = await read(record.id, { prefer: 'wait=50', 'if-none-match': etagOf(record) });

    assert.deepEqual([answer.status, answer.body.status], [200, 'processing']);
    assert.ok(performance.now() - started < 10_000);
    stack.gemini.control.release(key);
    await worker.stop();
  });

  it('is 304 when its time is up and nothing has changed, and 200 without a version', async () => {
    const record = await api.submit();

    const known = await read(record.id, { prefer: 'wait=1', 'if-none-match': etagOf(record) });
    const unknown = await read(record.id, { prefer: 'respond-async, wait="1"' });

    assert.deepEqual([known.status, unknown.status], [304, 200]);
    assert.equal(unknown.headers.get('preference-applied'), 'wait=1');
  });

  it('does not wait for an image that has ended', async () => {
    const record = await api.submit();
    const ended = (await cancel(record.id)).body;
    const started = performance.now();

    const answers = [
      await read(record.id, { prefer: 'wait=50' }),
      await read(record.id, { prefer: 'wait=50', 'if-none-match': etagOf(ended) }),
    ];

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 304],
    );
    assert.ok(performance.now() - started < 10_000);
  });

  it('waits 55 seconds at most, and not at all for what it cannot read', async () => {
    const record = (await cancel((await api.submit()).id)).body;
    const applied = async (prefer: string) =>
      (await read(record.id, { prefer })).headers.get('preference-applied');

    assert.equal(await applied('wait=600'), 'wait=55');
    for (const prefer of ['wait=0', 'wait=-1', 'wait=x', 'wait', 'waiting=5', '']) {
      assert.equal(await applied(prefer), null, prefer);
    }
  });

  it('is told that the image was deleted meanwhile', async () => {
    const record = await api.submit();

    const waiting = read(record.id, { prefer: 'wait=50', 'if-none-match': etagOf(record) });
    await api.send('DELETE', `${IMAGES}/${record.id}`);

    assertProblem(await waiting, 410, 'gone');
  });

  it('of an unknown image is refused at once', async () => {
    assertProblem(await read(UNKNOWN_ID, { prefer: 'wait=50' }), 404, 'not_found');
  });

  it('is let go when its API leaves', async () => {
    const leaving = await stack.startApi();
    const record = await api.submit();
    const waiting = createApiClient(leaving.url).get(`${IMAGES}/${record.id}`, { prefer: 'wait=50' });
    await stack.sql('select 1');

    const started = performance.now();
    await leaving.stop();

    assert.equal((await waiting).status, 200);
    assert.ok(performance.now() - started < 10_000);
  });
});

describe('a submit that prefers to wait', () => {
  it('is 200 with the image when that is made in time', async () => {
    const worker = await stack.startWorker();

    const answer = await api.generate({ prompt: 'A harbour [[sim:bytes=1024]]' }, { prefer: 'wait=50' });

    assert.deepEqual([answer.status, answer.body.status], [200, 'succeeded']);
    assert.equal(answer.headers.get('preference-applied'), 'wait=50');
    assert.equal(answer.headers.get('location'), `${IMAGES}/${answer.body.id}`);
    await worker.stop();
  });

  it('is 202 when it is not', async () => {
    const answer = await api.generate({ prompt: 'A harbour' }, { prefer: 'wait=1' });

    assert.deepEqual([answer.status, answer.body.status], [202, 'pending']);
  });

  it('goes on to be made when the client has gone away', async () => {
    const gone = new AbortController();
    const key = '8e03978e-40d5-43dd-bc93-6894a57f9324';
    const sending = fetch(`${url}/ai/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=50', 'idempotency-key': key },
      body: JSON.stringify({ prompt: 'A harbour [[sim:bytes=1024]]' }),
      signal: gone.signal,
    });
    const [row] = await waitForRows(key);
    gone.abort();
    await assert.rejects(sending);

    const worker = await stack.startWorker();

    const answer = await read(row?.id ?? '', { prefer: 'wait=50' });
    assert.notEqual(answer.body.status, 'pending');
    await worker.stop();
  });
});

async function waitForRows(key: string): Promise<{ id: string }[]> {
  for (;;) {
    const rows = await stack.sql<{ id: string }>(
      'select image_id as id from public.idempotency_keys where key = $1',
      [key],
    );
    if (rows.length > 0) return rows;
  }
}
