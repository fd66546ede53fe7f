import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { assertNoFaults, type PageStack, startPageStack } from './page-stack.ts';

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(() => pages?.stop());

/** The figure under a name, with what is said of it. */
const tileOf = (page: Page, label: string) =>
  page.locator('.tile', { has: page.getByText(label, { exact: true }) });
const goTo = (page: Page, view: string) => page.getByRole('link', { name: view, exact: true }).click();

describe('the queue', () => {
  it('tells how busy it is as it changes, and operators who works', async () => {
    const open = await pages.open();
    const { page } = open;
    await goTo(page, 'Queue');
    await tileOf(page, 'State').getByText('No workers').waitFor();
    const { id } = await pages.client.submit({ prompt: 'A pier [[sim:key=busy; fault=hold:ok]]' });
    await tileOf(page, 'Yours').getByText('1', { exact: true }).waitFor();

    const worker = await pages.stack.startWorker();
    await tileOf(page, 'State').getByText('Running').waitFor();
    await tileOf(page, 'Being made').getByText('4 slots of 1 worker').waitFor();
    await pages.stack.supabase.rpc('pause_generations', {
      p_model: null,
      p_until: null,
      p_reason: 'a secret',
    });
    await tileOf(page, 'State').getByText('Paused').waitFor();
    await page.getByText('Everything is held back by operators, until they resume it.').waitFor();

    const operator = await pages.open({ token: pages.stack.serviceRoleKey });
    await goTo(operator.page, 'Queue');
    await operator.page.getByRole('table', { name: 'Workers' }).getByText('alive').waitFor();
    assert.equal(await page.getByRole('table', { name: 'Workers' }).count(), 0);
    assert.ok(!(await page.textContent('main'))?.includes('secret'));

    await pages.stack.supabase.rpc('resume_generations', { p_model: null, p_holds: true });
    pages.stack.gemini.control.release('busy');
    await pages.client.wait(id);
    await tileOf(page, 'Yours').getByText('0', { exact: true }).waitFor();
    await worker.stop();
    assertNoFaults(open);
  });

  it('says so when Darkroom is away, and goes on by itself', async () => {
    const { page } = await pages.open();
    await goTo(page, 'Queue');
    await tileOf(page, 'State').waitFor();

    await pages.stopApi();
    await page.getByText('It is tried again every few seconds.').waitFor();
    await pages.startApi();

    await page.getByText('It is tried again every few seconds.').waitFor({ state: 'detached' });
  });
});

describe('usage', () => {
  it('is empty before the first image', async () => {
    const { token } = await pages.stack.createUser();
    const { page } = await pages.open({ token });

    await goTo(page, 'Usage');

    await page.getByText('No image was asked for in this time.').waitFor();
  });

  it('tells what was made, what it cost, and of what', async () => {
    const { token } = await pages.stack.createUser();
    const client = pages.clientOf(token);
    const worker = await pages.stack.startWorker();
    const made = await client.submit({ prompt: 'A lighthouse', style: 'anime' });
    const failed = await client.submit({ prompt: 'A wreck [[sim:fault=prompt-blocked]]' });
    const { cost_usd: cost } = await client.wait(made.id);
    await client.wait(failed.id);
    await worker.stop();
    const open = await pages.open({ token });
    const { page } = open;

    await goTo(page, 'Usage');

    await tileOf(page, 'Images').getByText('of 2 asked for').waitFor();
    await tileOf(page, 'Cost')
      .getByText(`$${cost?.toFixed(4)}`)
      .waitFor();
    await tileOf(page, 'Success').getByText('50.0 %').waitFor();
    await tileOf(page, 'Success').getByText('1 failed · 0 expired').waitFor();
    await page
      .getByRole('img', { name: /^Images a day from .*: 1 made, at most 1 on one day; 1 not made\.$/ })
      .waitFor();
    await page.getByRole('table', { name: 'Prompts that are used most' }).getByText('a lighthouse').waitFor();
    await page.getByLabel('Table by').selectOption('style');
    const styles = page.getByRole('table', { name: 'By style' });
    await styles.getByRole('row', { name: /^anime 1 0 0 \$/ }).waitFor();
    await page.getByLabel('Time').selectOption('365');
    await styles.waitFor();
    assertNoFaults(open);
  });
});

describe('an image of a batch', () => {
  it('says of which one, how it is called there, and leads to the others', async () => {
    const worker = await pages.stack.startWorker();
    const { token } = await pages.stack.createUser();
    const client = pages.clientOf(token);
    const items = ['first', 'second'].map((custom_id) => ({
      prompt: 'A quay [[sim:bytes=1024]]',
      custom_id,
    }));
    const batch = await client.batches.create({ name: 'Quays', items });
    await client.batches.wait(batch.id);
    await worker.stop();
    const image = (await client.historyPage({ batch_id: batch.id })).items.find(
      ({ custom_id: name }) => name === 'second',
    );
    const open = await pages.open({ token, path: `/#/images/${image?.id}` });
    const dialog = open.page.getByRole('dialog');

    await dialog.getByText('second', { exact: true }).waitFor();
    await dialog.getByRole('link', { name: 'Quays' }).click();

    await open.page.getByText('Only one batch').waitFor();
    assert.equal(await dialog.count(), 0);
    assertNoFaults(open);
  });
});

describe('what happened to an image', () => {
  it('is told step by step, with what went wrong on the way', async () => {
    const worker = await pages.stack.startWorker();
    const { id } = await pages.client.submit({ prompt: 'A harbour [[sim:fault=503*1]]' });
    await pages.client.wait(id);
    await worker.stop();
    const open = await pages.open({ path: `/#/images/${id}` });
    const dialog = open.page.getByRole('dialog');

    await dialog.getByText('What happened to it').click();

    const steps = dialog.locator('.story li');
    await steps.last().waitFor();
    const told = await steps.locator('p').allTextContents();
    assert.deepEqual(
      told.map((step) => step.split(/[:.]/)[0]),
      [
        'It was accepted',
        'A worker took it, for the first time',
        'It went back to wait',
        'A worker took it, for the second time',
        'It was made and stored',
      ],
    );
    assert.match(told[2] ?? '', /upstream_error/);
    const times = await steps.locator('small').allTextContents();
    assert.match(times[0] ?? '', /:\d\d:\d\d/);
    assert.match(times[1] ?? '', /^[\d.]+ m?s in the queue$/);
    assert.match(times[2] ?? '', /^[\d.]+ m?s later$/);
    assert.match(times[4] ?? '', /^[\d.]+ m?s later · [\d.]+ m?s in all$/);
    assertNoFaults(open);
  });
});
