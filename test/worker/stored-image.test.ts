import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { answerCallsOf, geminiAnswer, plainPicture } from '../support/gemini-answers.ts';
import { createGenerations, type Generations, MODEL } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

const USAGE = {
  promptTokenCount: 100,
  candidatesTokenCount: 1320,
  thoughtsTokenCount: 300,
  totalTokenCount: 1720,
  candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1120 }],
};

let stack: TestStack;
let generations: Generations;
let gemini: FaultProxy;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  gemini = await startFaultProxy(stack.gemini.url);
  await stack.startWorker({ GEMINI_BASE_URL: gemini.url });
});
after(async () => {
  await generations.stop();
  await stack.stop();
  await gemini.close();
});

test('a succeeded row describes the object that its address serves', async () => {
  const { id: userId } = await stack.createUser();
  const id = await generations.submit('', {
    user_id: userId,
    aspect_ratio: '16:9',
    full_prompt: 'Modern coffee shop interior',
  });

  const row = await generations.waitForEnd(id);

  assert.equal(row.status, 'succeeded');
  assert.equal(row.storage_path, `${userId}/${id}/1.png`);
  assert.equal(
    row.image_url,
    `${stack.supabaseUrl}/storage/v1/object/public/generated-images/${row.storage_path}`,
  );
  const file = await fetch(row.image_url);
  assert.equal(file.headers.get('content-type'), 'image/png');
  assert.match(String(file.headers.get('cache-control')), /max-age=31536000/);
  const bytes = Buffer.from(await file.arrayBuffer());
  const { width, height } = await sharp(bytes).metadata();
  assert.deepEqual(
    [row.mime_type, row.bytes, row.width, row.height, row.sha256],
    ['image/png', bytes.length, width, height, createHash('sha256').update(bytes).digest('hex')],
  );
  assert.deepEqual([width, height], [1376, 768]);
  assert.deepEqual([row.warnings, row.error, row.error_code], [[], null, null]);
});

test('a large image is stored byte by byte, and nothing of it stays with the worker', async () => {
  const id = await generations.submit('[[sim:bytes=6000000]]');
  const broken = await generations.submit('[[sim:bytes=6000000; fault=reset-mid-body,truncated-json,ok]]');

  const row = await generations.waitForEnd(id);
  await generations.waitForEnd(broken);

  const bytes = Buffer.from(await (await fetch(row.image_url ?? '')).arrayBuffer());
  assert.deepEqual(
    [row.bytes, row.bytes, row.sha256],
    [6_000_000, bytes.length, createHash('sha256').update(bytes).digest('hex')],
  );
  const own = (name: string) => name.startsWith('darkroom-image-') && name.includes(`-${process.pid}-`);
  const folders = readdirSync(tmpdir()).filter(own);
  assert.equal(folders.length, 1);
  await waitFor('the files to be gone', async () =>
    folders.every((name) => readdirSync(join(tmpdir(), name)).length === 0),
  );
});

test('a row of no user is stored under anonymous', async () => {
  const id = await generations.submit();

  const row = await generations.waitForEnd(id);

  assert.equal(row.storage_path, `anonymous/${id}/1.png`);
});

test('the timings add up', async () => {
  const id = await generations.submit('[[sim:latency=120]]');

  const { timings } = await generations.waitForEnd(id);

  const { queue_ms = -1, upstream_ms = -1, upload_ms = -1, total_ms = -1 } = timings ?? {};
  assert.ok(queue_ms >= 0 && upload_ms >= 0 && upstream_ms >= 119, JSON.stringify(timings));
  assert.ok(total_ms + 2 >= queue_ms + upstream_ms + upload_ms, JSON.stringify(timings));
});

test('a call costs its image tokens, its other output and its input, each at its own rate', async () => {
  const id = uuidv7();
  answerCallsOf(gemini, id, [
    geminiAnswer([{ image: await plainPicture(64, 64) }], { usageMetadata: USAGE }),
  ]);
  await generations.submit('', { id });

  const row = await generations.waitForEnd(id);

  // 1,120 x 30 + (200 + 300) x 7.5 + 100 x 1.5 dollars a million
  assert.equal(Number(row.cost_usd), 0.0375);
  assert.deepEqual(row.usage, { input_tokens: 100, output_tokens: 1620, total_tokens: 1720 });
});

test('what a call without an image cost is added to what the next one costs', async () => {
  const id = uuidv7();
  const textOnly = { promptTokenCount: 100, candidatesTokenCount: 200, totalTokenCount: 300 };
  answerCallsOf(gemini, id, [
    geminiAnswer([{ text: 'I cannot.' }], { usageMetadata: textOnly }),
    geminiAnswer([{ image: await plainPicture(64, 64) }], { usageMetadata: USAGE }),
  ]);
  await generations.submit('', { id });

  const row = await generations.waitForEnd(id);

  assert.equal(Number(row.cost_usd), 0.03915);
  assert.deepEqual(row.usage, { input_tokens: 200, output_tokens: 1820, total_tokens: 2020 });
});

test('an answer that counts no tokens costs the list price', async () => {
  const id = uuidv7();
  answerCallsOf(gemini, id, [geminiAnswer([{ image: await plainPicture(64, 64) }])]);
  await generations.submit('', { id, resolution: '2K' });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([Number(row.cost_usd), row.usage], [0.0504, null]);
});

for (const [what, usageMetadata, cost] of [
  // 1,120 x 30 + 100 x 1.5 dollars a million
  [
    'only how many tokens the answer had',
    { promptTokenCount: 100, candidatesTokenCount: 1_120, totalTokenCount: 1_220 },
    0.03375,
  ],
  ['only the tokens of the prompt', { promptTokenCount: 100, totalTokenCount: 100 }, 0.0336],
] as const) {
  test(`an image of which a call reports ${what} is not taken for text, or for nothing`, async () => {
    const id = uuidv7();
    answerCallsOf(gemini, id, [geminiAnswer([{ image: await plainPicture(64, 64) }], { usageMetadata })]);
    await generations.submit('', { id });

    const row = await generations.waitForEnd(id);

    assert.equal(Number(row.cost_usd), cost);
  });
}

test('the last image that is no thought is the one', async () => {
  const id = await generations.submit('', { full_prompt: 'A picture [[sim:fault=drafts]]' });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.width, row.height], [1024, 1024]);
});

test('a type that is named wrong is put right by the bytes', async () => {
  const id = await generations.submit('[[sim:fault=wrong-mime]]');

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.mime_type, row.storage_path], ['image/jpeg', `anonymous/${id}/1.jpeg`]);
  const file = await fetch(row.image_url ?? '');
  assert.equal(file.headers.get('content-type'), 'image/jpeg');
});

for (const format of ['png', 'jpeg', 'webp'] as const) {
  test(`an image asked for as ${format} is stored as ${format}, whatever came`, async () => {
    const id = uuidv7();
    const came = await plainPicture(64, 32, format === 'png' ? 'jpeg' : 'png');
    answerCallsOf(gemini, id, [geminiAnswer([{ image: came }])]);
    await generations.submit('', { id, format });

    const row = await generations.waitForEnd(id);

    assert.deepEqual(
      [row.status, row.mime_type, row.width, row.height],
      ['succeeded', `image/${format}`, 64, 32],
    );
    const bytes = Buffer.from(await (await fetch(row.image_url ?? '')).arrayBuffer());
    assert.equal((await sharp(bytes).metadata()).format, format);
    assert.equal(row.sha256, createHash('sha256').update(bytes).digest('hex'));
  });
}

for (const format of ['png', 'jpeg', 'webp'] as const) {
  test(`an image that comes as ${format}, as it was asked for, is stored byte by byte`, async () => {
    const id = uuidv7();
    // With something in it that would not outlive being encoded again.
    const came = await sharp(await plainPicture(64, 32, format))
      .withExif({ IFD0: { Copyright: 'Coffee Co.' } })
      .toFormat(format)
      .toBuffer();
    answerCallsOf(gemini, id, [geminiAnswer([{ image: came }])]);
    await generations.submit('', { id, format });

    const row = await generations.waitForEnd(id);

    assert.equal(row.status, 'succeeded');
    assert.deepEqual(Buffer.from(await (await fetch(row.image_url ?? '')).arrayBuffer()), came);
  });
}

test('an image whose pixels turn out broken when it is converted is no image', async () => {
  const id = uuidv7();
  const whole = await plainPicture(640, 480);
  const broken = geminiAnswer([{ image: whole.subarray(0, whole.length / 2) }]);
  answerCallsOf(gemini, id, [broken, broken]);
  await generations.submit('', { id, format: 'jpeg' });

  const row = await generations.waitForEnd(id);

  assert.deepEqual([row.status, row.error_code, row.billable_calls], ['failed', 'no_image', 2]);
});

test('an image by another model than asked for says so, one by a version of it does not', async () => {
  const [other, same] = [uuidv7(), uuidv7()];
  const image = await plainPicture(1024, 1024);
  gemini.decide(({ body }) => {
    if (body.includes(other)) return geminiAnswer([{ image }], { modelVersion: 'gemini-4-image' });
    return body.includes(same) ? geminiAnswer([{ image }], { modelVersion: `${MODEL}-001` }) : 'pass';
  });
  await generations.submit('', { id: other });
  await generations.submit('', { id: same });

  const rows = await generations.waitForEnds([other, same]);

  assert.deepEqual(
    rows.map(({ warnings }) => warnings.map(({ code }) => code)),
    [['model_substituted'], []],
  );
});
