import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NewGeneration } from '../../src/shared/generation.ts';
import { RESOLUTIONS } from '../../src/shared/models.ts';
import { createGenerations, type Generations } from '../support/generations.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const RATIOS = '1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9'.split(' ');
const EXTREME_RATIOS = '1:4 4:1 1:8 8:1'.split(' ');
const LITE = 'gemini-3.1-flash-lite-image';
const WITHOUT_SIZES = 'gemini-2.5-flash-image';

let stack: TestStack;
let generations: Generations;
before(async () => {
  stack = await startTestStack();
  generations = createGenerations(stack);
  await stack.startWorker();
});
after(async () => {
  await generations.stop();
  await stack.stop();
});

// Without `pixels` the simulator answers with the sizes that Google documents.
const BYTES = '[[sim:bytes=4096]]';

describe('a picture of the size that the model has for it gives no warning', () => {
  for (const resolution of RESOLUTIONS) {
    test(`in any ratio at ${resolution}`, async () => {
      await assertNoWarnings([...RATIOS, ...EXTREME_RATIOS], { resolution });
    });
  }

  test('in any ratio of a model that has one size', async () => {
    await assertNoWarnings(RATIOS, { model: WITHOUT_SIZES });
  });
});

async function assertNoWarnings(ratios: string[], fields: Partial<NewGeneration>): Promise<void> {
  const ids = await Promise.all(
    ratios.map((aspect_ratio) => generations.submit(BYTES, { ...fields, aspect_ratio })),
  );
  for (const id of ids) {
    const { status, aspect_ratio, width, height, warnings } = await generations.waitForEnd(id);
    assert.deepEqual([status, warnings], ['succeeded', []], `${aspect_ratio} is ${width}x${height}`);
  }
}

type Case = [resolution: string, ratio: string | null, pixels: string, warnings: string[], model?: string];
const CASES: Case[] = [
  ['1K', '1:1', '512x512', ['resolution_differs']],
  ['1K', '1:1', '64x64', ['resolution_differs']],
  ['1K', '1:1', '2048x2048', ['resolution_differs']],
  ['1K', '9:16', '1536x2752', ['resolution_differs']],
  ['2K', '1:1', '1024x1024', ['resolution_differs']],
  ['2K', '16:9', '1376x768', ['resolution_differs']],
  ['2K', '1:1', '4096x4096', ['resolution_differs']],
  ['4K', '1:1', '2048x2048', ['resolution_differs']],
  ['4K', '1:8', '768x6144', ['resolution_differs']],
  ['1K', '1:1', '512x512', ['resolution_differs'], LITE],
  // As many pixels as were asked for, in another shape.
  ['1K', '16:9', '1024x1024', ['aspect_ratio_differs']],
  ['2K', '1:1', '2752x1536', ['aspect_ratio_differs']],
  ['2K', '16:9', '1024x1024', ['aspect_ratio_differs', 'resolution_differs']],
  // Sizes that live models have answered with, and no document has.
  ['1K', null, '1408x768', []],
  ['1K', '1:4', '512x2064', []],
  // This model is told no size: it has made none wrong.
  ['1K', '1:1', '640x640', [], WITHOUT_SIZES],
  ['1K', '1:1', '2048x2048', [], WITHOUT_SIZES],
  ['1K', '16:9', '640x640', ['aspect_ratio_differs'], WITHOUT_SIZES],
];

describe('a picture that', () => {
  for (const [resolution, aspect_ratio, pixels, warnings, model] of CASES) {
    const asked = `${aspect_ratio ?? 'no ratio'} at ${resolution}${model ? ` from ${model}` : ''}`;
    test(`is ${pixels} for ${asked} has ${warnings.join(' and ') || 'no warning'}`, async () => {
      const markers = `[[sim:bytes=4096; pixels=${pixels}]]`;
      const id = await generations.submit(markers, { resolution, aspect_ratio, ...(model && { model }) });

      const row = await generations.waitForEnd(id);

      assert.deepEqual([row.status, `${row.width}x${row.height}`], ['succeeded', pixels]);
      assert.deepEqual(
        row.warnings.map(({ code }) => code),
        warnings,
      );
    });
  }

  test('is converted is measured all the same, and its warning says what came', async () => {
    const id = await generations.submit('[[sim:pixels=512x512]]', { resolution: '2K', format: 'jpeg' });

    const row = await generations.waitForEnd(id);

    assert.deepEqual([row.status, row.mime_type], ['succeeded', 'image/jpeg']);
    assert.deepEqual(row.warnings, [{ code: 'resolution_differs', message: 'Asked for 2K, got 512x512.' }]);
  });
});
