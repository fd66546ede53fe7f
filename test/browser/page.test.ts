import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, keepScreenshot, type PageStack, startPageStack } from './page-stack.ts';

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    await pages.stack.startWorker();
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(() => pages?.stop());

const queueOf = (page: Page) => page.getByRole('region', { name: 'In the queue' });
const galleryOf = (page: Page) => page.getByRole('region', { name: 'Gallery' });
const promptOf = (page: Page) => page.getByLabel('Prompt', { exact: true });

describe('somebody who signs in', () => {
  it('makes an image, sees it come, looks at it, makes it again with changes and deletes it', async () => {
    const open = await pages.open({ token: null, permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = open;
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Access token or API key').fill(`Bearer ${pages.token}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('There is no image yet').waitFor();

    await promptOf(page).fill('A lighthouse at dusk [[sim:key=flow; fault=hold:ok]]');
    await page.getByText(/^About \$0\.03.* · place 1 in the queue/).waitFor();
    await promptOf(page).press('Control+Enter');
    await queueOf(page).getByRole('listitem').getByText('Being made').waitFor();
    const queued = page.getByText(/^In the queue: A lighthouse/);
    await queued.waitFor();
    pages.stack.gemini.control.release('flow');
    const card = galleryOf(page).getByRole('link', { name: /A lighthouse at dusk/ });
    await card.locator('img').waitFor();
    await queueOf(page).getByText('Nothing waits.').waitFor();
    assert.equal(await queued.count(), 0, 'what is ready is still said to wait');
    assert.match((await card.locator('img').getAttribute('src')) ?? '', /\/1\.thumb\.webp$/);

    await card.press('Enter');
    const dialog = page.getByRole('dialog', { name: /A lighthouse at dusk/ });
    await dialog.getByRole('img', { name: /A lighthouse/ }).waitFor();
    await dialog.getByText('1024 × 1024').waitFor();
    const download = await dialog.getByRole('link', { name: 'Download' }).getAttribute('href');
    const file = await fetch(download ?? '');
    assert.match(file.headers.get('content-disposition') ?? '', /^attachment; filename="?[\w-]{36}\.png/);
    await dialog.getByRole('button', { name: 'Copy link' }).click();
    await dialog.getByText('The link is copied.').waitFor();
    const link = await page.evaluate<string>('navigator.clipboard.readText()');
    assert.equal((await fetch(link)).headers.get('content-type'), 'image/png');
    await keepScreenshot(page, 'image');

    await dialog.getByRole('button', { name: 'Regenerate …' }).click();
    const again = dialog.getByRole('textbox', { name: 'Prompt' });
    assert.equal(await again.inputValue(), 'A lighthouse at dusk [[sim:key=flow; fault=hold:ok]]');
    await again.fill('A lighthouse at dawn [[sim:key=dawn; fault=hold:ok]]');
    await dialog.getByLabel('Ratio').selectOption('16:9');
    await dialog.getByRole('button', { name: 'Regenerate', exact: true }).click();
    const second = page.getByRole('dialog', { name: /A lighthouse at dawn/ });
    await second.getByRole('link', { name: 'this one' }).getByText('Being made').waitFor();
    pages.stack.gemini.control.release('dawn');
    await second.getByText('1376 × 768').waitFor();
    await second.getByRole('heading', { name: 'Made one from another' }).waitFor();
    await second.getByRole('link', { name: 'first, made from' }).waitFor();
    await second.getByRole('link', { name: 'this one' }).locator('img').waitFor();
    const [child, parent] = (await pages.client.historyPage()).items;
    assert.match(child?.prompt ?? '', /^A lighthouse at dawn/);
    assert.equal(child?.parent_id, parent?.id);

    await second.getByRole('button', { name: 'Delete …' }).click();
    await second.getByRole('button', { name: 'Delete', exact: true }).click();
    await second.waitFor({ state: 'detached' });
    await galleryOf(page).getByRole('link', { name: /dawn/ }).waitFor({ state: 'detached' });
    await card.waitFor();
    await assert.rejects(pages.client.get(child?.id ?? ''), { code: 'gone' });

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await card.waitFor({ state: 'detached' });
    assertNoFaults(open);
  });

  it('cancels what waits, and sees why something failed', async () => {
    const open = await pages.open();
    const { page } = open;
    await promptOf(page).fill('A pier [[sim:key=pier; fault=hold:ok]]');
    await page.getByRole('button', { name: 'Make the image' }).click();
    await queueOf(page)
      .getByRole('button', { name: /^Cancel A pier/ })
      .click();
    await galleryOf(page)
      .getByRole('link', { name: /Canceled.*A pier/ })
      .waitFor();

    await promptOf(page).fill('A wreck [[sim:fault=prompt-blocked]]');
    await page.getByRole('button', { name: 'Make the image' }).click();
    await galleryOf(page)
      .getByRole('link', { name: /Failed content_blocked.*A wreck/ })
      .click();
    const dialog = page.getByRole('dialog', { name: /A wreck/ });
    await dialog.getByText('The same request would end the same way').waitFor();
    await dialog.getByRole('button', { name: 'Regenerate …' }).waitFor();
    await page.goBack();
    await dialog.waitFor({ state: 'detached' });
    assertNoFaults(open);
  });

  it('finds images by words, state and style, and all of them by going on', async () => {
    const { token } = await pages.stack.createUser();
    const owner = await pages.clientOf(token);
    const fields = { style: 'watercolor' };
    for (let n = 0; n < 30; n++)
      await owner.submit({ prompt: `Boat ${n} [[sim:bytes=1024]]`, ...(n === 3 && fields) });
    await waitFor(
      'the images',
      async () => (await owner.historyPage({ status: ['succeeded'] })).items.length === 30,
    );
    const open = await pages.open({ token, viewport: { width: 1280, height: 500 } });
    const { page } = open;
    const cards = galleryOf(page).getByRole('listitem');

    await cards.nth(23).waitFor();
    const more = page.getByRole('button', { name: 'Load more' });
    await more.focus();
    await page.keyboard.press('Enter');
    await cards.nth(29).waitFor();
    assert.equal(await cards.count(), 30);
    await more.waitFor({ state: 'hidden' });

    await page.getByLabel('Search').fill('bOAt 2');
    await waitFor('the search', async () => (await cards.count()) === 11);
    await page.getByLabel('State').selectOption('failed');
    await page.getByText('No image is like that.').waitFor();
    await page.getByLabel('State').selectOption('');
    await page.getByLabel('Search').fill('');
    await page.getByRole('search').getByLabel('Style').selectOption('watercolor');
    await waitFor('the style', async () => (await cards.count()) === 1);
    assertNoFaults(open);
  });

  it('is told when what it looks at is deleted, or is not there', async () => {
    const { id } = await pages.client.submit({ prompt: 'A buoy [[sim:bytes=1024]]' });
    await pages.client.wait(id);
    const open = await pages.open({ path: `/#/images/${id}` });
    const { page } = open;
    await page
      .getByRole('dialog', { name: /A buoy/ })
      .getByText('succeeded')
      .waitFor();

    await pages.client.delete(id);
    const dialog = page.getByRole('dialog', { name: 'No image' });
    await dialog.getByText('The image was deleted.', { exact: true }).waitFor();
    await page.reload();
    await dialog.getByText('The image was deleted.', { exact: true }).waitFor();
    assert.ok(((await dialog.boundingBox())?.width ?? 0) < 500);
    assertNoFaults(open);
  });

  it('is told of an address that leads nowhere, and is shown what there is', async () => {
    const open = await pages.open({ path: '/#/nowhere' });
    const { page } = open;
    await page.getByText('There is no such page.').waitFor();
    await galleryOf(page).waitFor();
    assert.equal(new URL(page.url()).hash, '#/images');

    await page.evaluate(`location.hash = '#/batches/nonsense'`);
    await page.getByText('There is no such image.').waitFor();
    await page.getByRole('heading', { name: 'Batches' }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('link', { name: 'Skip to the content' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Batches' }).waitFor();
    assert.equal(new URL(page.url()).hash, '#/batches');
    assertNoFaults(open);
  });
});

describe('nobody in particular, where that may be', () => {
  it('makes an image without signing in, and is told that batches need it', async () => {
    const open = await pages.open({ token: null });
    const { page } = open;

    await promptOf(page).fill('A quiet harbour [[sim:bytes=1024]]');
    await page.getByRole('button', { name: 'Make the image' }).click();
    await galleryOf(page)
      .getByRole('link', { name: /A quiet harbour/ })
      .waitFor();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Go on without' }).click();
    await galleryOf(page)
      .getByRole('link', { name: /A quiet harbour/ })
      .waitFor();
    await page.getByRole('link', { name: 'Batches' }).click();
    await page.getByText('Batches are for those who sign in.').waitFor();
    assertNoFaults(open);
  });
});
