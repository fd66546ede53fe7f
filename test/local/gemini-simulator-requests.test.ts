import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '@google/genai';
import { type GeminiSimulator, startGeminiSimulator } from '../../src/local/gemini/simulator.ts';
import { type Ask, createGenerate, type Generate, MODEL } from './gemini-client.ts';

const PIXEL = { mimeType: 'image/png', data: 'AAAA' };

const REFUSED: Record<string, [ask: Ask, httpStatus: number, message: RegExp]> = {
  'an unknown model': [
    { model: 'gemini-9-image' },
    404,
    /models\/gemini-9-image is not found for API version v1/,
  ],
  'a retired model': [{ model: 'gemini-3-pro-image-preview' }, 404, /is not found/],
  'a ratio that Pro lacks': [
    { model: 'gemini-3-pro-image', aspectRatio: '1:4' },
    400,
    /^Aspect ratio 1:4 is not supported for this model$/,
  ],
  'a ratio of nowhere': [{ aspectRatio: '7:3' }, 400, /Aspect ratio 7:3 is not supported/],
  'an inherited name as ratio': [{ aspectRatio: 'constructor' }, 400, /is not supported/],
  '512 for a model without it': [{ imageSize: '512' }, 400, /Image size 512 is not supported/],
  '2K for Lite': [{ model: 'gemini-3.1-flash-lite-image', imageSize: '2K' }, 400, /Image size 2K/],
  'any size for 2.5': [{ model: 'gemini-2.5-flash-image', imageSize: '1K' }, 400, /Image size 1K/],
  'a size in small letters': [{ imageSize: '1k' }, 400, /generation_config\.image_config\.image_size/],
  'image/jpg': [{ references: [{ ...PIXEL, mimeType: 'image/jpg' }] }, 400, /inline_data\.mime_type/],
  'a reference that is no base64': [
    { references: [{ ...PIXEL, data: '%%%' }] },
    400,
    /Base64 decoding failed/,
  ],
  '15 references': [{ references: Array(15).fill(PIXEL) }, 400, /At most 14/],
};

const MALFORMED: Record<string, [body: string, message: RegExp]> = {
  'no JSON': ['{"contents": [', /Invalid JSON payload received/],
  'an empty body': ['', /contents/],
  'no contents': ['{"contents": []}', /contents/],
  'an unknown field': [
    '{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"imageConfig":{"quality":"high"}}}',
    /Unknown name "quality" at 'generation_config\.image_config': Cannot find field/,
  ],
  'two candidates': [
    '{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"candidateCount":2}}',
    /candidate_count/,
  ],
  'more than 20 MB': [`{"contents":"${'x'.repeat(21 * 1024 * 1024)}"}`, /exceeds the limit/],
};

describe('the Gemini simulator refuses', () => {
  let simulator: GeminiSimulator;
  let generate: Generate;
  before(async () => {
    simulator = await startGeminiSimulator({
      host: '127.0.0.1',
      port: 0,
      apiKey: 'right',
      defaults: { bytes: 1024 },
    });
    generate = createGenerate(simulator.url, 'right');
  });
  after(() => simulator.close());

  async function refusalOf(
    call: Promise<unknown>,
  ): Promise<{ code: number; status: string; message: string }> {
    const error = await call.then(
      () => assert.fail('resolved'),
      (reason) => reason,
    );
    assert.ok(error instanceof ApiError);
    return JSON.parse(error.message).error;
  }

  const post = (path: string, body: string) =>
    fetch(`${simulator.url}/${path}`, { method: 'POST', headers: { 'x-goog-api-key': 'right' }, body });

  for (const [what, [ask, httpStatus, message]] of Object.entries(REFUSED)) {
    it(what, async () => {
      const refusal = await refusalOf(generate(`a cup with ${what}`, ask));
      assert.equal(refusal.code, httpStatus);
      assert.equal(refusal.status, httpStatus === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT');
      assert.match(refusal.message, message);
      assert.equal(simulator.control.callsOf(`a cup with ${what}`).calls[0]?.billed, false);
    });
  }

  for (const [what, [body, message]] of Object.entries(MALFORMED)) {
    it(`a body with ${what}`, async () => {
      const response = await post(`v1beta/models/${MODEL}:generateContent`, body);
      assert.equal(response.status, 400);
      const { error } = (await response.json()) as { error: { status: string; message: string } };
      assert.equal(error.status, 'INVALID_ARGUMENT');
      assert.match(error.message, message);
    });
  }

  it('a wrong key', async () => {
    const refusal = await refusalOf(createGenerate(simulator.url, 'wrong')('a cup'));
    assert.deepEqual([refusal.code, refusal.status], [400, 'INVALID_ARGUMENT']);
    assert.match(JSON.stringify(refusal), /API_KEY_INVALID/);
  });

  for (const marker of [
    'fault=nonsense',
    'fault=finish',
    'fault=429-minute:soon',
    'latency=fast',
    'speed=9',
    'bytes=3',
    'bytes=128',
    'pixels=wide',
    'pixels=32x32',
    'pixels=2048x64',
  ]) {
    it(`the marker ${marker}, saying that it is the simulator's`, async () => {
      const { code, message } = await refusalOf(generate(`a cup [[sim:${marker}]]`));
      assert.equal(code, 400);
      assert.match(message, /^Gemini simulator: /);
    });
  }

  it('paths it does not know', async () => {
    assert.equal((await post('v1/models/a:countTokens', '{}')).status, 404);
    assert.equal((await post('_simulator/nonsense', '{}')).status, 404);
  });
});
