import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, createApiClient, type Json } from './api-client.ts';

const FRONTEND_FIELDS = [
  'id',
  'image_url',
  'caption',
  'prompt_used',
  'dataset_id',
  'style',
  'aspect_ratio',
  'quality',
  'format',
  'resolution',
  'reference_images_count',
];

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

describe('an accepted request', () => {
  it('is answered with 202, where the image will be, and when to look', async () => {
    const answer = await api.generate({ prompt: 'A lighthouse' });

    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get('location'), `/ai/generated-images/${answer.body.id}`);
    assert.match(answer.headers.get('retry-after') ?? '', /^([1-9]|[12]\d|30)$/);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
  });

  it('has a Location that leads to the same record', async () => {
    const answer = await api.generate({ prompt: 'A lighthouse' });

    const read = await api.get(answer.headers.get('location') ?? '');

    assert.equal(read.status, 200);
    assert.equal(read.body.id, answer.body.id);
    assert.equal(read.body.created_at, answer.body.created_at);
    assert.match(read.headers.get('retry-after') ?? '', /^\d+$/);
  });

  it('has a UUIDv7 of the moment', async () => {
    const earliest = Date.now();
    const { id } = await api.submit();
    const made = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(made >= earliest && made <= Date.now());
  });
});

describe('the record', () => {
  it('has exactly these fields, for a request that gives only a prompt', async () => {
    const record = await api.submit({ prompt: 'A lighthouse' });

    const { id, created_at, deadline_at, queue_position, eta_seconds, warnings, ...rest } = record;
    assert.deepEqual(rest, {
      status: 'pending',
      status_sequence: 1,
      image_url: null,
      thumbnail_url: null,
      caption: 'A lighthouse',
      prompt: 'A lighthouse',
      prompt_used: 'A lighthouse',
      dataset_id: null,
      style: null,
      aspect_ratio: '1:1',
      quality: 'standard',
      format: null,
      resolution: '1K',
      reference_images_count: 0,
      unique_visual_elements: null,
      model: 'gemini-nano-banana-2.1',
      mime_type: null,
      width: null,
      height: null,
      bytes: null,
      sha256: null,
      batch_id: null,
      custom_id: null,
      parent_id: null,
      root_id: id,
      metadata: {},
      attempt: 0,
      error: null,
      estimated_cost_usd: 0.0336,
      cost_usd: null,
      usage: null,
      timings: null,
      started_at: null,
      completed_at: null,
      cancel_requested_at: null,
      links: {
        self: `/ai/generated-images/${id}`,
        cancel: `/ai/generated-images/${id}/cancel`,
        image: `/ai/generated-images/${id}/image`,
        events: record.links.events,
      },
    });
    assert.deepEqual(
      [typeof queue_position, eta_seconds, warnings.map((warning: { code: string }) => warning.code)],
      ['number', null, ['no_worker_online']],
    );
    for (const time of [created_at, deadline_at]) assert.equal(new Date(time).toISOString(), time);
  });

  it('has the fields that a frontend reads in every answer, null while unknown', async () => {
    const submitted = await api.submit();
    const read = await api.read(submitted.id);
    const listed = await api.history('?limit=1');

    for (const record of [submitted, read.body, listed.body.items[0]]) {
      assert.deepEqual(
        FRONTEND_FIELDS.filter((field) => record[field] === undefined),
        [],
      );
    }
  });

  it('is the same by submit, by id and in history', async () => {
    const submitted = await api.submit({ style: 'anime', metadata: { row: '17' } });

    const read = await api.read(submitted.id);
    const listed = await api.history('?limit=1');

    // Its place may have moved from one answer to the next.
    const still = ({ queue_position, ...record }: Json) => record;
    assert.deepEqual(still(read.body), still(submitted));
    assert.deepEqual(listed.body.items.map(still), [still(submitted)]);
  });

  it('keeps the prompt as it was sent, spaces and all', async () => {
    const prompt = '  Zwei Füchse 🦊\n\t im Schnee — "quoted" \\ \u2028  ';
    const record = await api.submit({ prompt });

    assert.equal(record.prompt, prompt);
    assert.equal(record.caption, prompt);
    assert.equal(record.prompt_used, prompt.trim());
  });

  it('has a metadata of strings as sent', async () => {
    const metadata = { row: '17', 'a b/c~d': '', 'ünï🦊': 'x'.repeat(500) };

    assert.deepEqual((await api.submit({ metadata })).metadata, metadata);
  });

  it('shows an image as it ended, with times and error as documented', async () => {
    const { id } = await api.submit();
    const error = { code: 'content_blocked', message: 'Blocked', retryable: false };
    await stack.sql(
      `update generated_images set status = 'failed', error_code = 'content_blocked', error = $2,
         completed_at = now(), attempt = 1, billable_calls = 1 where id = $1`,
      [id, error],
    );

    const { body, headers } = await api.read(id);

    assert.equal(body.status, 'failed');
    assert.deepEqual(body.error, {
      ...error,
      charged: true,
      upstream: { reason: null, http_status: null },
    });
    assert.equal(body.cost_usd, null);
    assert.equal(headers.get('retry-after'), null);
    assert.ok(body.completed_at);
  });

  it('cost nothing when it failed before any call that may have been billed', async () => {
    const { id } = await api.submit();
    await stack.sql(
      `update generated_images set status = 'failed', error_code = 'reference_unreadable', error = $2,
         completed_at = now(), attempt = 1, billable_calls = 0 where id = $1`,
      [id, { code: 'reference_unreadable', message: 'Not there', retryable: false }],
    );

    const { body } = await api.read(id);

    assert.deepEqual([body.error.charged, body.cost_usd], [false, 0]);
  });
});

describe('the request id', () => {
  it('is the one that was given', async () => {
    const answer = await api.generate({ prompt: 'A lighthouse' }, { 'request-id': 'trace:01.AZ_az-9' });

    assert.equal(answer.headers.get('request-id'), 'trace:01.AZ_az-9');
  });

  for (const given of ['', 'with space', 'a"b', 'x'.repeat(129), '{"a":1}', 'a;b', '<b>']) {
    it(`is a new one instead of ${JSON.stringify(given.slice(0, 12))}`, async () => {
      const answer = await api.get('/healthz', { 'request-id': given });

      assert.match(answer.headers.get('request-id') ?? '', /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    });
  }

  it('is on refusals too, in the header and in the body', async () => {
    const answer = await api.get('/nowhere', { 'request-id': 'abc' });

    assert.equal(answer.headers.get('request-id'), 'abc');
    assert.equal(answer.body.request_id, 'abc');
  });
});
