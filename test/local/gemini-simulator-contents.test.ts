import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { GenerateContentResponse } from '@google/genai';
import sharp from 'sharp';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { createGenerate, type Generate, imageOf, MODEL } from './gemini-client.ts';

const FINISH_REASONS = `
  SAFETY IMAGE_SAFETY PROHIBITED_CONTENT IMAGE_PROHIBITED_CONTENT RECITATION IMAGE_RECITATION BLOCKLIST SPII LANGUAGE
  NO_IMAGE IMAGE_OTHER OTHER MALFORMED_RESPONSE MAX_TOKENS CONTINUATION A_REASON_OF_TOMORROW`.match(/\w+/g);

const CONTENTS: Record<string, unknown> = {
  empty: {},
  absent: undefined,
  null: null,
  list: [],
  'no-parts': { parts: [], role: 'model' },
};

describe('with a strange answer, the Gemini simulator', () => {
  let simulator: GeminiSimulator;
  let generate: Generate;
  before(async () => {
    simulator = await startGeminiSimulator({ host: '127.0.0.1', port: 0, defaults: { bytes: 1024 } });
    generate = createGenerate(simulator.url);
  });
  after(() => simulator.close());

  const promptFor = (fault: string) => `a cup [[sim:fault=${fault}]]`;
  const lastCall = (fault: string) => simulator.control.callsOf(promptFor(fault)).calls.at(-1);

  for (const reason of FINISH_REASONS ?? []) {
    it(`finish:${reason} resolves without an image`, async () => {
      const { candidates } = await generate(promptFor(`finish:${reason}`));
      assert.equal(candidates?.[0]?.finishReason, reason);
      assert.equal(candidates[0].content?.parts, undefined);
      assert.equal(lastCall(`finish:${reason}`)?.billed, true);
    });
  }

  for (const [form, content] of Object.entries(CONTENTS)) {
    it(`finish:SAFETY:${form} resolves, and sends that form of no content`, async () => {
      const prompt = promptFor(`finish:SAFETY:${form}`);
      assert.equal((await generate(prompt)).candidates?.[0]?.finishReason, 'SAFETY');
      // Read without the SDK, which drops a null content and every finishMessage.
      const sent = await fetch(`${simulator.url}/v1beta/models/${MODEL}:generateContent`, {
        method: 'POST',
        body: JSON.stringify({ contents: [{ parts: [{ text: prompt }] }] }),
      });
      const [candidate] = ((await sent.json()) as { candidates: Record<string, unknown>[] }).candidates;
      assert.deepEqual(candidate?.content, content);
      assert.match(String(candidate?.finishMessage), /SAFETY/);
    });
  }

  it('a refusal counts no image tokens, and its thoughts once', async () => {
    const { usageMetadata } = await generate(promptFor('finish:IMAGE_SAFETY'));
    assert.equal(usageMetadata?.candidatesTokensDetails, undefined);
    assert.equal(usageMetadata?.candidatesTokenCount, usageMetadata?.thoughtsTokenCount);
    const { promptTokenCount = 0, thoughtsTokenCount = 0 } = usageMetadata ?? {};
    assert.equal(usageMetadata?.totalTokenCount, promptTokenCount + thoughtsTokenCount);
  });

  const RESOLVING: Record<string, (response: GenerateContentResponse) => unknown> = {
    'prompt-blocked': ({ promptFeedback, candidates }) => {
      assert.equal(promptFeedback?.blockReason, 'PROHIBITED_CONTENT');
      assert.equal(candidates, undefined);
    },
    'prompt-blocked:SAFETY': ({ promptFeedback }) => assert.equal(promptFeedback?.blockReason, 'SAFETY'),
    'no-candidates': ({ candidates }) => assert.equal(candidates, undefined),
    'no-candidates:empty': ({ candidates }) => assert.deepEqual(candidates, []),
    'redirect-302': ({ candidates, usageMetadata }) => assert.ok(!candidates && !usageMetadata),
    'text-only': ({ candidates }) => {
      assert.equal(candidates?.[0]?.finishReason, 'STOP');
      assert.ok(candidates[0].content?.parts?.every((part) => part.text && !part.inlineData));
    },
    'image-with-finish': (response) => {
      assert.equal(response.candidates?.[0]?.finishReason, 'OTHER');
      assert.equal(imageOf(response).bytes.length, 1024);
    },
    'garbage-image': (response) =>
      assert.rejects(sharp(imageOf(response).bytes).metadata(), /unsupported image/),
    drafts: (response) => {
      const parts = response.candidates?.[0]?.content?.parts ?? [];
      assert.deepEqual(
        parts.map((part) => (part.text ? 'text' : part.thought ? 'thought' : 'image')),
        ['text', 'thought', 'image', 'text', 'image', 'text', 'thought'],
      );
      assert.equal(imageOf(response).bytes.length, 1024, 'the last that is no thought is the real one');
      assert.equal(response.usageMetadata?.candidatesTokensDetails?.[0]?.tokenCount, 4 * 1120);
    },
    'slow-body:20': (response) => assert.equal(imageOf(response).bytes.length, 1024),
  };
  for (const [fault, check] of Object.entries(RESOLVING)) {
    it(`${fault} resolves`, async () => {
      await check(await generate(promptFor(fault)));
    });
  }

  const MIMES: [fault: string, said: string, real: string][] = [
    ['jpeg', 'image/jpeg', 'jpeg'],
    ['webp', 'image/webp', 'webp'],
    ['wrong-mime', 'image/png', 'jpeg'],
  ];
  for (const [fault, said, real] of MIMES) {
    it(`${fault} sends ${real} and says ${said}`, async () => {
      const { mimeType, bytes } = imageOf(await generate(promptFor(fault)));
      const { format, width, height } = await sharp(bytes).metadata();
      assert.deepEqual([mimeType, format, width, height], [said, real, 1024, 1024]);
    });
  }
});
