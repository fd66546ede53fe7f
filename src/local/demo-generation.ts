import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { DEMO_DATASET } from './demo-dataset.ts';
import { StackError } from './stack-error.ts';

/** What the demo asks for. */
export const DEMO_REQUEST = {
  prompt: 'Modern coffee shop interior',
  style: 'photorealistic',
  aspect_ratio: '16:9',
  format: 'png',
  dataset_id: DEMO_DATASET.id,
};

/** A person watches, so we ask at least this often, whatever the API hints. */
const POLL_MS = 500;

const recordSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  attempt: z.number(),
  image_url: z.string().nullable(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
});

/** The record as the API shows it; beside these fields it has all the others. */
export type DemoRecord = z.infer<typeof recordSchema>;

/**
 * Asks the API for one image as any user would, and polls until it has ended. `onChange` hears of each status and attempt once.
 * Throws a StackError when the image does not succeed or the API refuses.
 */
export async function generateDemoImage(options: {
  apiUrl: string;
  /** Whose image it is: the page shows it to whoever signs in with it. */
  token: string;
  signal: AbortSignal;
  onChange: (record: DemoRecord) => void;
}): Promise<DemoRecord> {
  const { apiUrl, token, signal, onChange } = options;
  const authorization = `Bearer ${token}`;
  let { record, retryAfterMs } = await callApi(`${apiUrl}/ai/generate`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(DEMO_REQUEST),
    signal,
  });
  onChange(record);
  while (record.status === 'pending' || record.status === 'processing') {
    await delay(Math.min(retryAfterMs, POLL_MS), undefined, { signal });
    const before = record;
    ({ record, retryAfterMs } = await callApi(`${apiUrl}/ai/generated-images/${record.id}`, {
      headers: { authorization },
      signal,
    }));
    if (record.status !== before.status || record.attempt !== before.attempt) onChange(record);
  }
  if (record.status === 'succeeded') return record;
  const reason = record.error ? `: ${record.error.message} (${record.error.code})` : '';
  throw new StackError(`The image ${record.id} is ${record.status}${reason}.`);
}

async function callApi(
  url: string,
  init: RequestInit,
): Promise<{ record: DemoRecord; retryAfterMs: number }> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new StackError(`The API answered ${response.status} for ${url}: ${text}`);
  const retryAfter = Number(response.headers.get('retry-after') ?? 1);
  return { record: recordSchema.parse(JSON.parse(text)), retryAfterMs: (retryAfter || 1) * 1_000 };
}
