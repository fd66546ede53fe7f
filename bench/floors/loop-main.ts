/**
 * The floor of a worker: a loop of Gemini call and upload by both SDKs as they come, over connections that stay open, with a
 * worker's checks of the image and what it keeps with it. No queue, no rows, nothing of Darkroom's own ways to the network.
 */
import { GoogleGenAI } from '@google/genai';
import { createClient } from '@supabase/supabase-js';
import { v7 as uuidv7 } from 'uuid';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import { IMAGES_BUCKET } from '../../src/shared/storage.ts';
import { readAnswer } from '../../src/worker/gemini-answer.ts';
import { inspectImage } from '../../src/worker/inspect-image.ts';
import { receivedInMemory } from '../../src/worker/received-image.ts';

const {
  SUPABASE_URL = '',
  SUPABASE_SERVICE_ROLE_KEY = '',
  GEMINI_BASE_URL = '',
  GEMINI_API_KEY = '',
} = process.env;
const [images, concurrency] = [Number(process.env.IMAGES), Number(process.env.CONCURRENCY)];

const supabase = createClient(SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY, {
  auth: { persistSession: false, autoRefreshToken: false },
});
const bucket = supabase.storage.from(IMAGES_BUCKET);
const gemini = new GoogleGenAI({ apiKey: GEMINI_API_KEY, httpOptions: { baseUrl: GEMINI_BASE_URL } });
const { default: model } = createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined);
const asked = { format: null, aspectRatio: '1:1', resolution: '1K' } as const;
await supabase.storage.createBucket(IMAGES_BUCKET, { public: true });

let left = images;
const from = performance.now();
await Promise.all(Array.from({ length: concurrency }, work));
process.stdout.write(`${JSON.stringify({ rate: (images / (performance.now() - from)) * 1_000 })}\n`);

async function work(): Promise<void> {
  while (left-- > 0) {
    const answer = await gemini.models.generateContent({
      model: model.id,
      contents: [{ role: 'user', parts: [{ text: 'A red bicycle' }] }],
      config: {
        responseModalities: ['IMAGE'],
        automaticContinuation: false,
        imageConfig: { aspectRatio: asked.aspectRatio, imageSize: asked.resolution },
      },
    });
    const { data, usage, costUsd } = readAnswer(answer, model, 0.04);
    const image = await inspectImage(receivedInMemory(Buffer.from(data, 'base64')), asked);
    if (!image) throw new Error('The simulator sent no image.');
    const { mimeType, width, height, sha256, warnings } = image;
    const facts = { mime_type: mimeType, width, height, sha256, usage, cost_usd: costUsd };
    const { error } = await bucket.upload(`anonymous/${uuidv7()}/1.${image.format}`, image.content, {
      contentType: mimeType,
      metadata: { image: JSON.stringify({ ...facts, model: model.id, upstream_ms: 0, warnings }) },
    });
    if (error) throw error;
  }
}
