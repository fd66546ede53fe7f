import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, keepScreenshot, type PageStack, startPageStack } from './page-stack.ts';

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack({ ANONYMOUS_ACCESS: 'false' });
    await pages.stack.startWorker({ GEMINI_TIMEOUT_MS: '300000' });
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(() => pages?.stop());

const promptOf = (page: Page) => page.getByLabel('Prompt', { exact: true });
const make = (page: Page) => page.getByRole('button', { name: 'Make the image' });
const galleryOf = (page: Page) => page.getByRole('region', { name: 'Gallery' });
const countImages = async () => (await pages.client.historyPage({ limit: 100 })).items.length;

describe('a token', () => {
  it('is asked for where nobody may look without, and a wrong one is told', async () => {
    const open = await pages.open({ token: null });
    const { page } = open;
    await page.getByText('This Darkroom makes images for those who sign in.').waitFor();
    const field = page.getByLabel('Access token or API key');

    await field.fill('two words');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('This is no token').waitFor();
    await field.fill('dk_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Your token is not valid, or not any more.').waitFor();

    await page
      .getByLabel('Access token or API key')
      .fill((await pages.client.apiKeys.create({ name: 'Page' })).secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await make(page).waitFor();
    assert.doesNotMatch(page.url(), /dk_/);
    await page.reload();
    await make(page).waitFor();
    assertNoFaults(open);
  });

  it('that ends while the page is open brings back the question', async () => {
    const { secret, id } = await pages.client.apiKeys.create({ name: 'Soon gone' });
    const { page } = await pages.open({ token: secret });
    await page.getByText('Live', { exact: true }).waitFor();

    await pages.client.apiKeys.delete(id);
    await waitFor('the key to be gone', async () => (await ask(secret)) === 401);
    await promptOf(page).fill('A boat');

    await page.getByText('Your token is not valid, or not any more.').waitFor();
    assert.equal(await page.evaluate(`sessionStorage.getItem('darkroom.token')`), null);
  });
});

const ask = async (secret: string) =>
  (await fetch(`${pages.url}/ai/generated-images`, { headers: { authorization: `Bearer ${secret}` } }))
    .status;

describe('what is refused', () => {
  it('is said at its field', async () => {
    const { page } = await pages.open();

    await make(page).click();

    await page.getByText('Prompt is empty.').waitFor();
    assert.equal(await page.getByText('validation_failed').count(), 0);
    assert.equal(await promptOf(page).getAttribute('aria-invalid'), 'true');
    assert.equal(await page.evaluate('document.activeElement.name'), 'prompt');
    await promptOf(page).fill('A jetty [[sim:bytes=1024]]');
    await make(page).click();
    await galleryOf(page)
      .getByRole('link', { name: /A jetty/ })
      .waitFor();
    assert.equal(await page.getByText('Prompt is empty.').count(), 0);
  });

  it('for being too much is said with when to come again, and what was typed stays', async () => {
    const { page } = await pages.open();
    await promptOf(page).fill('A breakwater');
    await page.getByText(/^About \$/).waitFor();
    const body = {
      code: 'rate_limited',
      detail: 'Too many submits.',
      retryable: true,
      retry_after_seconds: 30,
      status: 429,
    };
    const answer = { status: 429, contentType: 'application/problem+json', body: JSON.stringify(body) };
    await page.route('**/ai/generate', (route) => route.fulfill(answer));

    await make(page).click();

    await page.getByText('Too many submits. Try again in 30 s. (rate_limited)').waitFor();
    assert.equal(await promptOf(page).inputValue(), 'A breakwater');
    await promptOf(page).fill('A breakwater, later');
    await page.getByText('Too many submits.').waitFor({ state: 'detached' });
  });
});

describe('an API that is away', () => {
  it('while the page is open is told, and all goes on when it is back', async () => {
    const { id } = await pages.client.submit({ prompt: 'A ferry [[sim:key=ferry; fault=hold:ok]]' });
    const open = await pages.open();
    const { page } = open;
    await page.getByText('Being made').waitFor();

    await pages.stopApi();
    await page.getByText('Darkroom does not answer; trying again …').waitFor();
    await keepScreenshot(page, 'lost');
    pages.stack.gemini.control.release('ferry');
    await waitFor('the image', async () => {
      const [row] = await pages.stack.sql('select status from public.generated_images where id = $1', [id]);
      return row?.status === 'succeeded';
    });
    await pages.startApi();

    await page.getByText('Live', { exact: true }).waitFor();
    await galleryOf(page)
      .getByRole('link', { name: /A ferry/ })
      .locator('img')
      .waitFor();
    await page.getByText('Nothing waits.').waitFor();
    assertNoFaults(open);
  });

  it('is no longer told at the form once it answers again', async () => {
    const open = await pages.open();
    const { page } = open;
    await page.getByText('Live', { exact: true }).waitFor();
    await promptOf(page).fill('A slipway [[sim:bytes=1024]]');
    await pages.stopApi();

    await make(page).click();
    const problem = page.locator('.new-image .problem', { hasText: 'Darkroom cannot be reached.' });
    await problem.waitFor();
    await pages.startApi();

    await page.getByText('Live', { exact: true }).waitFor();
    await problem.waitFor({ state: 'detached' });
    assert.equal(await promptOf(page).inputValue(), 'A slipway [[sim:bytes=1024]]');
    await make(page).click();
    await galleryOf(page)
      .getByRole('link', { name: /A slipway/ })
      .waitFor();
    assertNoFaults(open);
  });

  it('makes one image of what is sent again after an answer was lost', async () => {
    const { page } = await pages.open();
    const before = await countImages();
    let lost = 0;
    await page.route('**/ai/generate', async (route) => {
      if (route.request().postDataJSON().dry_run || lost >= 2) return route.continue();
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    await promptOf(page).fill('A buoy [[sim:bytes=1024]]');

    await make(page).click();

    // The stream of events may show the image before the form has an answer: that it has one is what ends the resending.
    await waitFor('two lost answers', async () => lost === 2);
    await make(page).waitFor();
    await galleryOf(page)
      .getByRole('link', { name: /A buoy/ })
      .waitFor();
    assert.deepEqual([lost, (await countImages()) - before], [2, 1]);
  });

  it('at the beginning is waited for', async () => {
    const open = await pages.open();
    const { page } = open;
    await make(page).waitFor();
    await page.route('**/ai/**', (route) => route.abort());
    await page.reload();
    await page.getByText('Darkroom cannot be reached.').waitFor();

    await page.unrouteAll();

    await make(page).waitFor();
    assertNoFaults(open);
  });

  it('leaves what was loaded, and says what could not be', async () => {
    const { page } = await pages.open();
    await galleryOf(page).getByRole('link').first().waitFor();
    await page.route('**/ai/generated-images?*q=*', (route) => route.abort());

    await page.getByLabel('Search').fill('jetty');
    await galleryOf(page).getByText('Darkroom cannot be reached.').waitFor();
    await page.unrouteAll();
    await galleryOf(page).getByRole('button', { name: 'Try again' }).click();

    await galleryOf(page)
      .getByRole('link', { name: /A jetty/ })
      .waitFor();
  });
});

it('without a stream of events the page asks every few seconds, and says so', async () => {
  const { page } = await pages.open();
  await make(page).waitFor();
  await page.route('**/ai/events*', (route) => route.abort());
  await page.reload();
  await page.getByText('Updated every few seconds').waitFor();

  const { id } = await pages.client.submit({ prompt: 'A tug [[sim:bytes=1024]]' });
  await pages.client.wait(id);
  await galleryOf(page).getByRole('link', { name: /A tug/ }).waitFor();
  await promptOf(page).fill('A raft [[sim:bytes=1024]]');
  await make(page).click();

  await galleryOf(page)
    .getByRole('link', { name: /A raft/ })
    .waitFor();
});
