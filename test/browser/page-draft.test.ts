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

const promptOf = (page: Page) => page.getByLabel('Prompt', { exact: true });

describe('what was typed', () => {
  it('is still there after a look at another view, and for nobody else', async () => {
    const open = await pages.open();
    const { page } = open;
    await promptOf(page).fill('A half-told tale');
    await page.locator('.new-image').getByLabel('Ratio').selectOption('16:9');

    await page.getByRole('link', { name: 'Batches' }).click();
    await page.getByRole('heading', { name: 'Batches' }).waitFor();
    await page.getByRole('link', { name: 'Images', exact: true }).click();
    assert.equal(await promptOf(page).inputValue(), 'A half-told tale');
    assert.equal(await page.locator('.new-image').getByLabel('Ratio').inputValue(), '16:9');

    await page.getByRole('button', { name: 'Sign out' }).click();
    assert.equal(await promptOf(page).inputValue(), '');
    assertNoFaults(open);
  });

  it('comes back when a token has ended and the same person has another, and only then', async () => {
    const { stack } = pages;
    const { id, token } = await stack.createUser();
    const other = await stack.createUser();
    const open = await pages.open({ token });
    const { page } = open;
    const signIn = async (own: string) => {
      await page.getByLabel('Access token or API key').fill(own);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await promptOf(page).waitFor();
    };
    const endToken = async () => {
      await page.route('**/ai/generate', (route) => route.fulfill({ status: 401, json: {} }));
      await promptOf(page).fill('A half-told tale');
      await page.getByText('Your token is not valid, or not any more.').waitFor();
      await page.unrouteAll();
    };
    await endToken();
    await signIn(await stack.signToken({ sub: id }, '2h'));
    assert.equal(await promptOf(page).inputValue(), 'A half-told tale');

    await endToken();
    await signIn(other.token);
    assert.equal(await promptOf(page).inputValue(), '');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await signIn(token);
    assert.equal(await promptOf(page).inputValue(), '');
    assertNoFaults(open);
  });
});
