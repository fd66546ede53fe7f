import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import {
  type ApiClient,
  assertProblem,
  createApiClient,
  IMAGES,
  type Json,
  pointersOf,
} from './api-client.ts';
import { askOperation, operationOf } from './ask-operation.ts';

const CSV = { accept: 'text/csv' };

let stack: TestStack;
let url: string;
let user: ApiClient;
let admin: ApiClient;
let userId: string;
let made: Json[];
/** One user with an image that succeeded, one that failed, one canceled, one regenerated and open, one deleted. */
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  const { id, token } = await stack.createUser();
  userId = id;
  user = createApiClient(url, token);
  admin = createApiClient(url, stack.serviceRoleKey);
  const worker = await stack.startWorker();
  const submit = (prompt: string, fields = {}) => user.submit({ prompt, style: 'oil', ...fields });
  const first = await submit('A harbour [[sim:bytes=1024]]');
  const refused = await submit('A harbour [[sim:fault=finish:IMAGE_SAFETY]]', { style: '=1+1' });
  made = [await waitForEnd(url, first.id, token), await waitForEnd(url, refused.id, token)];
  await worker.stop();
  const canceled = await submit('A harbour');
  await user.send('POST', `${IMAGES}/${canceled.id}/cancel`);
  await askOperation(user, operationOf('regenerateImage'), {
    ids: { id: first.id },
    body: { style: 'anime' },
  });
  await user.send('DELETE', `${IMAGES}/${first.id}`);
});
after(() => stack.stop());

const usageOf = async (query = '', api = user): Promise<Json> => {
  const { status, body, text } = await api.get(`/ai/usage${query}`);
  assert.equal(status, 200, text);
  return body;
};
const today = () => new Date().toISOString().slice(0, 10);
const sum = (values: number[]) => values.reduce((all, one) => all + one, 0);

describe('usage of a user', () => {
  it('is what their images came to, at what they have cost, though they were deleted', async () => {
    const { total, groups } = await usageOf('?group_by=model');

    const { accepted, succeeded, failed, canceled, open, deleted, regenerations, success_rate } = total;
    assert.deepEqual(
      { accepted, succeeded, failed, canceled, open, deleted, regenerations, success_rate },
      {
        accepted: 4,
        succeeded: 1,
        failed: 1,
        canceled: 1,
        open: 1,
        deleted: 1,
        regenerations: 1,
        success_rate: 0.5,
      },
    );
    const cost = sum(made.map(({ cost_usd: usd }) => usd));
    const estimate = sum(made.map(({ estimated_cost_usd: usd }) => usd));
    assert.ok(cost > 0);
    assert.ok(Math.abs(total.cost_usd - cost) < 1e-9, `${total.cost_usd} ${cost}`);
    assert.ok(Math.abs(total.cost_difference_usd - (cost - estimate)) < 1e-9);
    assert.equal(total.total_tokens, sum(made.map(({ usage }) => usage.total_tokens)));
    assert.equal(total.calls, 2);
    assert.equal(total.unpriced_images, 0);
    assert.deepEqual(
      groups.map(({ key, ...figures }: Json) => [key, figures]),
      [[{ model: made[0].model }, total]],
    );
  });

  it('is that of the last thirty UTC days, day by day, when nothing else is asked for', async () => {
    const earliest = today();

    const { group_by: groupBy, groups, from, to } = await usageOf();

    assert.deepEqual(groupBy, ['day']);
    assert.equal(groups[0].key.day, made[0].created_at.slice(0, 10));
    assert.ok(to === earliest || to === today(), to);
    assert.equal((Date.parse(to) - Date.parse(from)) / 86_400_000, 29);
  });

  it('tells times of those that were made to within a tenth', async () => {
    const { total } = await usageOf();

    const [{ timings, completed_at, created_at }] = made;
    for (const [told, real] of [
      [total.total_ms_p50, Date.parse(completed_at) - Date.parse(created_at)],
      [total.total_ms_p95, timings.total_ms],
    ])
      assert.ok(Math.abs(told - real) <= 0.1 * real + 1, `${told} ${real}`);
    assert.ok(total.queue_ms_p50 <= total.queue_ms_p95);
  });

  it('is put together by what is asked for, and adds up to the total however', async () => {
    const { total } = await usageOf();
    for (const keys of ['style', 'status', 'dataset', 'day,model', 'aspect_ratio,quality,status']) {
      const { groups } = await usageOf(`?group_by=${keys}`);

      for (const figure of [
        'accepted',
        'succeeded',
        'open',
        'cost_usd',
        'estimated_cost_usd',
        'total_tokens',
      ]) {
        const all = sum(groups.map((group: Json) => group[figure]));
        assert.ok(Math.abs(all - total[figure]) < 1e-9, `${figure} by ${keys}: ${all} of ${total[figure]}`);
      }
    }
    const { groups } = await usageOf('?group_by=status');
    assert.deepEqual(groups.map(({ key, accepted }: Json) => `${key.status} ${accepted}`).sort(), [
      'canceled 1',
      'failed 1',
      'open 1',
      'succeeded 1',
    ]);
  });

  it('is filtered, and empty where there was none', async () => {
    const oil = await usageOf('?style=oil&group_by=style');
    const none = await usageOf('?to=2020-03-01&from=2020-02-01');

    assert.deepEqual([oil.total.accepted, oil.groups.length, oil.groups[0].key], [2, 1, { style: 'oil' }]);
    assert.deepEqual([none.total.accepted, none.total.queue_ms_p50, none.groups], [0, null, []]);
  });

  it('comes as CSV for who prefers that, and as JSON for all others', async () => {
    const answer = await user.get('/ai/usage?group_by=style,status', CSV);

    assert.match(answer.headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/);
    assert.equal(answer.headers.get('vary')?.includes('Accept'), true);
    const lines: Record<string, string>[] = parse(answer.text, { columns: true });
    const { groups } = await usageOf('?group_by=style,status');
    assert.deepEqual(
      lines.map(({ style, status, accepted, cost_usd }) => [
        style,
        status,
        Number(accepted),
        Number(cost_usd),
      ]),
      // What a spreadsheet would take for a formula is none.
      groups.map((group: Json) => {
        const { style, status } = group.key;
        return [style === '=1+1' ? "'=1+1" : style, status, group.accepted, group.cost_usd];
      }),
    );
    for (const accept of [
      '*/*',
      'application/json',
      'image/png',
      'text/csv;q=0.5, application/json',
      'no such',
    ]) {
      assert.match(
        (await user.get('/ai/usage', { accept })).headers.get('content-type') ?? '',
        /json/,
        accept,
      );
    }
  });

  it('is not what others, or what belongs to nobody, came to', async () => {
    await createApiClient(url).submit();
    const other = createApiClient(url, (await stack.createUser()).token);

    assert.equal((await usageOf('', other)).total.accepted, 0);
    assert.equal((await usageOf()).total.accepted, 4);
  });

  it('has in it what their API keys made', async () => {
    const { body: key } = await askOperation(user, operationOf('createApiKey'));

    assert.deepEqual(await usageOf('', createApiClient(url, key.secret)), await usageOf());
  });
});

describe('usage for an admin', () => {
  it('is that of everybody, by user, or of one of them', async () => {
    const { total, groups } = await usageOf('?group_by=user', admin);
    const own = groups.find(({ key }: Json) => key.user_id === userId);
    const nobodys = groups.find(({ key }: Json) => key.user_id === null);

    assert.equal(total.accepted, sum(groups.map(({ accepted }: Json) => accepted)));
    assert.equal(own.accepted, 4);
    assert.equal(nobodys?.accepted, total.accepted - 4);
    assert.deepEqual(
      (await usageOf(`?user_id=${userId.toUpperCase()}`, admin)).total,
      (await usageOf()).total,
    );
  });
});

it('what cannot be asked for is named, all at once', async () => {
  for (const [query, pointers] of [
    ['?group_by=day,day', ['?group_by']],
    ['?group_by=prompt', ['?group_by']],
    ['?group_by=', ['?group_by']],
    ['?from=2026-02-30&to=soon&quality=', ['?from', '?quality', '?to']],
    ['?from=2026-01-02&to=2026-01-01', ['?from']],
    ['?from=2025-01-01&to=2026-01-02', ['?from']],
  ] as const) {
    const answer = await user.get(`/ai/usage${query}`);
    assertProblem(answer, 422, 'validation_failed');
    assert.deepEqual(
      pointersOf(answer)
        .sort()
        .filter((one, n, all) => all.indexOf(one) === n),
      pointers,
      query,
    );
  }
  assert.equal((await user.get('/ai/usage?from=2025-01-01&to=2026-01-01')).status, 200);
});

it('of everybody by user or dataset a month can be asked for, and only by an admin', async () => {
  const month = 'from=2026-01-01&to=2026-01-31';
  const longer = 'from=2026-01-01&to=2026-02-01';
  for (const by of ['user', 'dataset']) {
    assert.equal((await admin.get(`/ai/usage?group_by=${by}&${month}`)).status, 200);
    assertProblem(await admin.get(`/ai/usage?group_by=${by}&${longer}`), 422, 'validation_failed');
  }
  assert.equal((await admin.get(`/ai/usage?group_by=dataset&user_id=${userId}&${longer}`)).status, 200);
  assert.equal((await user.get(`/ai/usage?group_by=dataset&${longer}`)).status, 200);
  assertProblem(await user.get('/ai/usage?group_by=user'), 403, 'forbidden');
});
