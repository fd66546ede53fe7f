import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { findModel, type ImageSize, pixelsOf } from '../../src/local/gemini/models.ts';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { createGenerate, type Generate, imageOf, MODEL } from './gemini-client.ts';

const RATIOS_AT_1K: Record<string, [number, number]> = {
  '1:1': [1024, 1024],
  '2:3': [848, 1264],
  '3:2': [1264, 848],
  '3:4': [896, 1200],
  '4:3': [1200, 896],
  '4:5': [928, 1152],
  '5:4': [1152, 928],
  '9:16': [768, 1376],
  '16:9': [1376, 768],
  '21:9': [1584, 672],
  '1:4': [512, 2048],
  '4:1': [2048, 512],
  '1:8': [384, 3072],
  '8:1': [3072, 384],
};

const WEIRD_PROMPTS: Record<string, string> = {
  markup: 'a <b>bold</b> & "quoted" <span foreground=red>cup</span> &amp; ]]> <!--',
  'control characters': 'a\u0000b\u0007c\u001b[31md\u007fe\u0085f\u2028g\ufffeh\ttab\r\nline',
  'half a surrogate pair': 'broken \ud83d emoji \udc00',
  emoji: '😀🎉👩‍👩‍👧‍👦🏳️‍🌈',
  'right to left': 'שלום עולם مرحبا بالعالم',
  'no spaces': 'x'.repeat(400),
  'letters wider than the line': '﷽'.repeat(60),
  '10,000 characters': 'A long story about a coffee shop. '.repeat(300).slice(0, 10_000),
  '5,000 lines': 'a\n'.repeat(5000),
  'combining marks': `a${'\u0301'.repeat(2000)}`,
  blanks: ' \u200b\u3164 ',
  nothing: '',
};

async function sizeOf(bytes: Buffer): Promise<[number, number]> {
  // stats() reads every pixel, so that a broken image cannot pass for its header.
  await sharp(bytes).stats();
  const { width, height } = await sharp(bytes).metadata();
  return [width, height];
}

describe('the Gemini simulator', () => {
  let simulator: GeminiSimulator;
  let generate: Generate;
  before(async () => {
    simulator = await startGeminiSimulator({ host: '127.0.0.1', port: 0 });
    generate = createGenerate(simulator.url);
  });
  after(() => simulator.close());

  it('answers as Gemini does', async () => {
    const response = await generate('Modern coffee shop interior');
    const candidate = response.candidates?.[0];
    const usage = response.usageMetadata;
    const { mimeType, bytes } = imageOf(response);
    assert.equal(mimeType, 'image/png');
    assert.equal((await sharp(bytes).metadata()).format, 'png');
    assert.equal(candidate?.finishReason, 'STOP');
    assert.equal(candidate?.content?.role, 'model');
    assert.equal(response.modelVersion, MODEL);
    assert.ok(response.responseId);
    assert.equal(response.sdkHttpResponse?.headers?.['x-gemini-service-tier'], 'standard');
    assert.deepEqual(usage?.candidatesTokensDetails, [{ modality: 'IMAGE', tokenCount: 1120 }]);
    const beyondImage = (usage?.candidatesTokenCount ?? 0) - 1120;
    assert.ok(beyondImage >= 88 && beyondImage <= 630, `${beyondImage} tokens beside the image`);
    const { promptTokenCount = 0, candidatesTokenCount = 0, thoughtsTokenCount = 0 } = usage ?? {};
    assert.ok(promptTokenCount > 0 && thoughtsTokenCount > 0);
    assert.equal(usage?.totalTokenCount, promptTokenCount + candidatesTokenCount + thoughtsTokenCount);
  });

  for (const [aspectRatio, pixels] of Object.entries(RATIOS_AT_1K)) {
    it(`draws ${aspectRatio} in ${pixels.join(' x ')} pixels`, async () => {
      assert.deepEqual(await sizeOf(imageOf(await generate('a cup', { aspectRatio })).bytes), pixels);
    });

    it(`scales ${aspectRatio} to the other sizes`, () => {
      const model = findModel('gemini-3.1-flash-image');
      assert.ok(model);
      for (const [size, scale] of Object.entries({ '512': 0.5, '2K': 2, '4K': 4 })) {
        const scaled = pixels.map((length) => length * scale);
        assert.deepEqual(pixelsOf(model, aspectRatio, size as ImageSize), scaled);
      }
    });
  }

  const SIZES = [
    ['gemini-3.1-flash-image', '512', '1:8', [192, 1536], 747],
    ['gemini-3.1-flash-image', '4K', '9:16', [3072, 5504], 2520],
    ['gemini-nano-banana-2.1', '2K', '16:9', [2752, 1536], 1680],
    ['gemini-3-pro-image', '2K', '21:9', [3168, 1344], 1120],
    ['gemini-3-pro-image', '4K', '1:1', [4096, 4096], 2000],
    ['gemini-3.1-flash-lite-image', '1K', '8:1', [3072, 384], 1120],
    ['gemini-2.5-flash-image', undefined, '3:4', [864, 1184], 1290],
  ] as const;
  for (const [model, imageSize, aspectRatio, pixels, tokens] of SIZES) {
    it(`draws and counts ${model} in ${imageSize ?? 'its only size'}`, async () => {
      const response = await generate('a cup', { model, aspectRatio, ...(imageSize && { imageSize }) });
      assert.deepEqual(await sizeOf(imageOf(response).bytes), [...pixels]);
      assert.equal(response.usageMetadata?.candidatesTokensDetails?.[0]?.tokenCount, tokens);
    });
  }

  it('draws the same bytes for the same prompt, and others for another', async () => {
    const [first, again, marked, other] = await Promise.all(
      ['a cup', 'a cup', 'a cup [[sim:latency=1]]', 'a mug'].map(
        async (prompt) => imageOf(await generate(prompt)).bytes,
      ),
    );
    assert.ok(first && again && marked && other);
    assert.ok(first.equals(again));
    assert.ok(first.equals(marked), 'markers are not drawn');
    assert.ok(!first.equals(other));
  });

  for (const [what, prompt] of Object.entries(WEIRD_PROMPTS)) {
    it(`draws a prompt of ${what}`, async () => {
      const response = await generate(prompt, { aspectRatio: '9:16' });
      assert.deepEqual(await sizeOf(imageOf(response).bytes), [768, 1376]);
    });
  }

  it('shows reference images and counts them, even one that it cannot read', async () => {
    const red = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const references = [
      { mimeType: 'image/png', data: red.toString('base64') },
      { mimeType: 'image/heic', data: Buffer.from('not really').toString('base64') },
    ];
    const [plain, referring] = await Promise.all([generate('a cup'), generate('a cup', { references })]);
    const added =
      (referring.usageMetadata?.promptTokenCount ?? 0) - (plain.usageMetadata?.promptTokenCount ?? 0);
    assert.equal(added, 2 * 1120);
    const pixels = await sharp(imageOf(referring).bytes).removeAlpha().raw().toBuffer();
    assert.ok(pixels.includes(Buffer.from('ff0000'.repeat(20), 'hex')), 'a row of red pixels');
  });

  const PADDED = [
    [240, '1:8', '1K', [384, 3072]],
    [1024, '16:9', '2K', [2752, 1536]],
    [4096, '1:1', '4K', [4096, 4096]],
    [25_000_000, '1:1', '1K', [1024, 1024]],
  ] as const;
  for (const [bytes, aspectRatio, imageSize, pixels] of PADDED) {
    it(`sends a valid ${imageSize} of exactly ${bytes} bytes when asked to`, async () => {
      const response = await generate(`a cup [[sim:bytes=${bytes}]]`, { aspectRatio, imageSize });
      const image = imageOf(response).bytes;
      assert.equal(image.length, bytes);
      assert.deepEqual(await sizeOf(image), pixels);
    });
  }

  for (const markers of ['pixels=640x480', 'pixels=640x480; bytes=1024', 'pixels=640x480; fault=jpeg']) {
    it(`sends another size than was asked for with ${markers}`, async () => {
      const response = await generate(`a cup [[sim:${markers}]]`, { aspectRatio: '16:9', imageSize: '2K' });
      assert.deepEqual(await sizeOf(imageOf(response).bytes), [640, 480]);
      assert.equal(response.usageMetadata?.candidatesTokensDetails?.[0]?.tokenCount, 1680);
    });
  }
});
