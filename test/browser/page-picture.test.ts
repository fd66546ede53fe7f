/** A picture of the page as it is when there is something to see: the README's is one of these. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import type { ImageRequest } from '../../src/client/images.ts';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { type PageStack, startPageStack } from './page-stack.ts';

const KEPT = new URL('../../docs/page.webp', import.meta.url);
const MADE = new URL('../../test-output/page/page.webp', import.meta.url);
const MOST_BYTES = 200_000;

const MADE_IMAGES: ImageRequest[] = [
  { prompt: 'Harbour at first light', style: 'photorealistic', aspect_ratio: '4:5' },
  { prompt: 'A paper boat on a wide sea', style: 'minimalist' },
  { prompt: 'Copper lamps over an oak counter', style: 'cinematic' },
  { prompt: 'Botanical study of a fern', style: 'line-art' },
  { prompt: 'Rain on a tin roof, evening', style: 'watercolor' },
  { prompt: 'A fox in the snow', style: 'illustration' },
  { prompt: 'Poster for a jazz night', style: 'illustration', aspect_ratio: '3:4' },
  { prompt: 'Barista pouring a flat white', style: 'photorealistic' },
];
const WAITING = [
  'Modern coffee shop interior',
  'The same shop at night, seen from the street',
  'A cup of cocoa, from above',
];

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    await pages.stack.startWorker({ GEMINI_TIMEOUT_MS: '300000', WORKER_CONCURRENCY: '2' });
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(async () => {
  pages?.stack.gemini.control.release('slow');
  await pages?.stop();
});

test('the picture of the page in the README shows what is there, and is small', async () => {
  const { client, stack } = pages;
  for (const request of MADE_IMAGES) await client.wait((await client.submit(request)).id);
  // As long as a model takes, so that the page can tell how long it will be.
  await stack.sql(`update public.generated_images set started_at = completed_at - interval '14 seconds'`);
  // A dataset's words go to the model and are not shown: these make it slow.
  const vibe = 'cozy [[sim:key=slow; fault=hold:ok]]';
  const dataset = await client.datasets.create({ name: 'Coffee Co.', brand: 'Coffee Co.', vibe });
  for (const prompt of WAITING) await client.submit({ prompt, dataset_id: dataset.id, aspect_ratio: '16:9' });

  const { page } = await pages.open({ reducedMotion: 'reduce', colorScheme: 'light' });
  await page.getByLabel('Prompt', { exact: true }).fill('A lighthouse keeper’s breakfast, by the window');
  await page.getByLabel('Dataset').first().selectOption({ label: 'Coffee Co.' });
  await page.getByText(/^About \$.* ready in about/).waitFor();
  await page
    .getByText(/about \d+ s left/)
    .first()
    .waitFor();
  for (const image of await page.locator('.card img').all()) {
    await image.scrollIntoViewIfNeeded();
    await image.evaluate((one) => (one as unknown as { decode(): Promise<void> }).decode());
  }
  await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
  const picture = await sharp(await page.screenshot())
    .webp({ quality: 88 })
    .toBuffer();
  mkdirSync(new URL('.', MADE), { recursive: true });
  writeFileSync(MADE, picture);

  for (const bytes of [picture, readFileSync(KEPT)]) {
    assert.ok(bytes.length < MOST_BYTES, `${bytes.length} bytes`);
    const { format, width, height } = await sharp(bytes).metadata();
    assert.deepEqual([format, width, height], ['webp', 1280, 800]);
  }
});
