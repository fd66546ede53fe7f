/** The floor of a worker: a loop of Gemini call and upload by the same code, without queue and rows. */
import { v7 as uuidv7 } from 'uuid';
import { createModels, modelsConfig } from '../../src/shared/models.ts';
import { createStorage } from '../../src/shared/storage.ts';
import { createSupabase } from '../../src/shared/supabase.ts';
import { createGemini } from '../../src/worker/gemini.ts';
import { openImageFiles } from '../../src/worker/image-files.ts';
import { inspectImage } from '../../src/worker/inspect-image.ts';

const {
  SUPABASE_URL = '',
  SUPABASE_SERVICE_ROLE_KEY = '',
  GEMINI_BASE_URL,
  GEMINI_API_KEY = '',
} = process.env;
const [images, concurrency] = [Number(process.env.IMAGES), Number(process.env.CONCURRENCY)];

const supabase = createSupabase(SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY);
const storage = createStorage(supabase.client, SUPABASE_URL);
const { default: model } = createModels(modelsConfig.MODELS_FILE.parse(undefined), undefined);
const files = await openImageFiles();
const gemini = createGemini({ apiKey: GEMINI_API_KEY, baseUrl: GEMINI_BASE_URL, timeoutMs: 60_000, files });
const asked = { format: null, aspectRatio: '1:1', resolution: '1K' } as const;
await storage.ensureBuckets();

let left = images;
const from = performance.now();
await Promise.all(Array.from({ length: concurrency }, work));
process.stdout.write(`${JSON.stringify({ rate: (images / (performance.now() - from)) * 1_000 })}\n`);
await files.close();
await supabase.close();

async function work(): Promise<void> {
  while (left-- > 0) {
    const order = {
      model,
      prompt: 'A red bicycle',
      references: [],
      aspectRatio: '1:1',
      resolution: '1K',
    } as const;
    const made = await gemini.generateImage({ ...order, references: [] }, new AbortController().signal);
    const image = await inspectImage(made.image, asked);
    if (!image) throw new Error('The simulator sent no image.');
    const { mimeType: mime_type, width, height, sha256 } = image;
    const facts = { mime_type, width, height, sha256, usage: made.usage, cost_usd: made.costUsd };
    const metadata = { ...facts, model: model.id, upstream_ms: 0, warnings: [] };
    await storage.uploadImage(`anonymous/${uuidv7()}/1.${image.format}`, image, metadata);
    await made.discard();
  }
}
