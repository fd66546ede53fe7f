import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, type PageStack, startPageStack } from './page-stack.ts';

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    await pages.stack.startWorker();
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(() => pages?.stop());

const galleryOf = (page: Page) => page.getByRole('region', { name: 'Gallery' });

describe('somebody with many images at once', () => {
  it('gets new ones as they come, and further down is only told how many there are', async () => {
    const { token } = await pages.stack.createUser();
    const owner = pages.clientOf(token);
    const open = await pages.open({ token });
    const { page } = open;
    await page.getByText('There is no image yet').waitFor();
    const batchOf = (name: string, count: number) => ({
      items: Array.from({ length: count }, (_, n) => ({ prompt: `${name} ${n} [[sim:bytes=1024]]` })),
    });
    const cards = galleryOf(page).getByRole('listitem');
    const more = page.getByRole('button', { name: /^Show \d+ more that are new$/ });

    await owner.batches.wait((await owner.batches.create(batchOf('Gull', 60))).id);
    await cards.filter({ hasText: 'Gull 59' }).waitFor();
    assert.equal(await more.count(), 0);

    await page.evaluate('scrollTo(0, document.body.scrollHeight)');
    const { id } = await owner.batches.create(batchOf('Tern', 60));
    await more.waitFor();
    await owner.batches.wait(id);
    await page.evaluate('scrollTo(0, 0)');
    await more.waitFor({ state: 'hidden' });
    await cards.filter({ hasText: 'Tern 59' }).waitFor();
    assertNoFaults(open);
  });

  it('follows a batch, stops it and makes again what failed', async () => {
    const { token } = await pages.stack.createUser();
    const owner = await pages.clientOf(token);
    const open = await pages.open({ token, path: '/#/batches' });
    const { page } = open;
    await page.getByText('There is no batch yet.').waitFor();
    const marker = '[[sim:bytes=1024; fault=prompt-blocked]]';
    const items = [{ prompt: 'A' }, { prompt: 'B [[sim:bytes=1024]]' }, { prompt: `C ${marker}` }];
    await owner.batches.create({ name: 'Spring', items });
    const row = page.getByRole('listitem').filter({ hasText: 'Spring' });
    await row.getByText('2 of 3 made · 1 failed').waitFor();
    await row.getByRole('img', { name: '2 succeeded, 1 failed' }).waitFor();

    await row.getByRole('button', { name: 'Retry 1 failed: Spring' }).click();
    await waitFor('the copy', async () => (await owner.batches.page()).items.length === 2);
    const first = row.filter({ hasText: '2 of 3 made' });
    await first.getByText('Retried as Spring').waitFor();
    await page.reload();
    await first.getByText('Retried as Spring').waitFor();
    assert.equal(await first.getByRole('button', { name: /Retry/ }).count(), 0);
    await first.getByRole('link', { name: 'Show its images' }).click();
    await waitFor('its images', async () => (await galleryOf(page).getByRole('listitem').count()) === 3);
    await page.getByRole('link', { name: 'Only one batch — show all' }).click();
    await waitFor('all', async () => (await galleryOf(page).getByRole('listitem').count()) === 4);

    await owner.batches.create({ name: 'Late', items: [{ prompt: 'D [[sim:key=late; fault=hold:ok]]' }] });
    await page.getByRole('link', { name: 'Batches' }).click();
    await page.getByRole('button', { name: 'Cancel …: Late' }).click();
    const question = page.getByRole('dialog', { name: 'Cancel 1 image?' });
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Go on');
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Cancel …: Late' }).click();
    await question.getByRole('button', { name: 'Cancel 1 image' }).click();
    await page.getByRole('listitem').filter({ hasText: 'Late' }).getByText('1 canceled').waitFor();
    assertNoFaults(open);
  });
});
