import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, keepScreenshot, type PageStack, startPageStack } from './page-stack.ts';

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
/** Scripts of the page as text, for the tests know no DOM. */
const FOCUSED = 'document.activeElement';
const WIDTHS = { wide: { width: 1280, height: 800 }, narrow: { width: 320, height: 640 } } as const;

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    const { stack, client } = pages;
    await stack.startWorker({ GEMINI_TIMEOUT_MS: '300000' });
    const dataset = await client.datasets.create({ name: 'Coffee', brand: 'Coffee Co.', vibe: 'cozy' });
    const first = await client.submit({
      prompt: 'A modern coffee shop',
      dataset_id: dataset.id,
      style: 'cinematic',
    });
    await client.wait(first.id);
    await client.regenerate(first.id, { prompt: 'A modern coffee shop at night' });
    await client.submit({ prompt: 'A wreck [[sim:fault=prompt-blocked]]' });
    await client.submit({ prompt: 'A pier [[sim:key=held; fault=hold:ok]]' });
    await client.batches.create({
      name: 'Spring',
      items: [{ prompt: 'A [[sim:bytes=1024]]' }, { prompt: 'B [[sim:fault=prompt-blocked]]' }],
    });
    await waitFor('the images', async () => {
      const { items } = await client.historyPage({ status: ['pending', 'processing'] });
      return items.length === 1 && items[0]?.status === 'processing';
    });
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(async () => {
  pages?.stack.gemini.control.release('held');
  await pages?.stop();
});

/** What axe finds that keeps somebody out, by its rule and where. */
async function findBarriers(page: Page): Promise<string[]> {
  // As a debugger does: the page's own policy lets nothing in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<AxeResults> } };
    return axe.run();
  });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`),
  );
}

async function assertOpen(page: Page, name: string): Promise<void> {
  await keepScreenshot(page, name);
  assert.deepEqual(await findBarriers(page), [], name);
  const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(overflow <= 0, `${name}: ${overflow} pixels too wide`);
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [size, viewport] of Object.entries(WIDTHS)) {
    describe(`the page, ${colorScheme} and ${size}`, () => {
      it('keeps nobody out', async () => {
        const open = await pages.open({ colorScheme, viewport, reducedMotion: 'reduce' });
        const { page } = open;
        const named = (state: string) => `${state}-${colorScheme}-${size}`;
        await page.getByText('Being made').waitFor();
        await page.getByRole('link', { name: /coffee shop at night/ }).waitFor();
        await page.getByLabel('Prompt', { exact: true }).fill('A boat');
        await page.getByText(/^About \$/).waitFor();
        await assertOpen(page, named('images'));

        await page.getByRole('link', { name: /coffee shop at night/ }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('heading', { name: 'Made one from another' }).waitFor();
        await assertOpen(page, named('image'));
        await dialog.getByRole('button', { name: 'Regenerate …' }).click();
        await dialog.getByText(/^About \$/).waitFor();
        await assertOpen(page, named('regenerate'));
        await page.keyboard.press('Escape');
        await page.getByRole('link', { name: /A wreck/ }).click();
        await dialog.getByText('The same request would end the same way').waitFor();
        await assertOpen(page, named('failed'));
        await page.keyboard.press('Escape');

        await page.getByRole('link', { name: 'Batches' }).click();
        await page.getByText('1 of 2 made · 1 failed').waitFor();
        await assertOpen(page, named('batches'));
        await page.getByRole('link', { name: 'Queue', exact: true }).click();
        await page.getByText('Running').waitFor();
        await assertOpen(page, named('queue'));
        await page.getByRole('link', { name: 'Usage' }).click();
        await page.getByRole('table', { name: 'By model' }).waitFor();
        await assertOpen(page, named('usage'));
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByLabel('Access token or API key').waitFor();
        await assertOpen(page, named('sign-in'));
        assertNoFaults(open);
      });
    });
  }
}

it('the workers of an operator stand apart from the figures, also on a narrow page', async () => {
  for (const [size, viewport] of Object.entries(WIDTHS)) {
    const open = await pages.open({ token: pages.stack.serviceRoleKey, viewport, path: '/#/queue' });
    const { page } = open;
    await page.getByRole('table', { name: 'Workers' }).waitFor();
    await assertOpen(page, `operator-${size}`);
    const [tiles, table, header] = await Promise.all(
      ['.tiles', '.scroller', '.bar'].map((part) => page.locator(part).boundingBox()),
    );
    assert.ok((table?.y ?? 0) - (tiles?.y ?? 0) - (tiles?.height ?? 0) >= 16, `${size}: they touch`);
    assert.ok((header?.height ?? 999) <= 90, `${size}: the header takes ${header?.height} pixels`);
    assertNoFaults(open);
  }
});

describe('by keyboard', () => {
  it('a dialog takes the focus, keeps it and gives it back', async () => {
    const { page } = await pages.open({ reducedMotion: 'reduce' });
    const card = page.getByRole('link', { name: /coffee shop at night/ });
    await card.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete …' }).waitFor();
    const focused = () => page.evaluate<boolean>(`${FOCUSED}.closest('dialog') !== null`);
    assert.ok(await focused());
    await dialog.getByRole('button', { name: 'Delete …' }).click();
    assert.equal(await page.evaluate(`${FOCUSED}.textContent`), 'Keep it');

    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });

    assert.match(await page.evaluate<string>(`${FOCUSED}.textContent`), /coffee shop at night/);
  });

  it('the content is reached without going through the menu', async () => {
    const { page } = await pages.open();
    await page.getByRole('heading', { name: 'New image' }).waitFor();

    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');

    assert.equal(await page.evaluate(`${FOCUSED}.name`), 'prompt');
  });
});
