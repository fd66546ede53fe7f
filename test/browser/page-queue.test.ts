import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, type PageStack, startPageStack } from './page-stack.ts';

/** Longer than anything on the page waits before it asks again. */
const LONG_MS = 60_000;

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    await pages.stack.startWorker({ GEMINI_TIMEOUT_MS: '300000', WORKER_CONCURRENCY: '1' });
    // While it is held, nothing else is made, so that places only move as the tests want.
    const { token } = await pages.stack.createUser();
    const { id } = await pages.clientOf(token).submit({ prompt: 'A dam [[sim:key=dam; fault=hold:ok]]' });
    await waitFor('the dam', async () => (await pages.clientOf(token).get(id)).status === 'processing');
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(async () => {
  pages?.stack.gemini.control.release('dam');
  await pages?.stop();
});

const promptOf = (page: Page) => page.getByLabel('Prompt', { exact: true });
const queueOf = (page: Page) => page.getByRole('region', { name: 'In the queue' });
const estimateOf = (page: Page) => page.locator('.new-image .estimate');
const rowOf = (page: Page, name: string) =>
  queueOf(page)
    .getByRole('listitem')
    .filter({ has: page.getByRole('link', { name, exact: true }) });

/** Somebody with a page of their own, and so many images that wait. */
async function waitingUser(count: number) {
  const { token } = await pages.stack.createUser();
  const client = pages.clientOf(token);
  const images = [];
  for (let n = 1; n <= count; n++) images.push(await client.submit({ prompt: `Pier ${n}` }));
  return { token, client, images };
}

/** As if the window were covered, or seen again. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(
    `Object.defineProperty(document, 'hidden', { configurable: true, value: ${isHidden} });
     document.dispatchEvent(new Event('visibilitychange'))`,
  );
}

describe('what the form says of the wait', () => {
  it('follows the queue while it is looked at, also where others have changed it', async () => {
    const { token, client } = await waitingUser(0);
    const open = await pages.open({ token });
    await promptOf(open.page).fill('A mole');
    const told = async () =>
      Number(/place (\d+)/.exec((await estimateOf(open.page).textContent()) ?? '')?.[1]);
    await waitFor('a place', async () => (await told()) >= 1);
    const first = await told();

    await client.submit({ prompt: 'Mine' });
    await waitFor('what is mine', async () => (await told()) > first);
    const second = await told();
    const other = await waitingUser(2);
    await waitFor('what is of others', async () => (await told()) > second);

    for (const { id } of other.images) await other.client.cancel(id);
    await waitFor('fewer', async () => (await told()) === second);
    assertNoFaults(open);
  });

  it('is asked for once at a time, and not while nobody sees the page', async () => {
    const { token } = await waitingUser(0);
    const { page } = await pages.open({ token });
    const held: (() => Promise<void>)[] = [];
    let isHeld = true;
    let asked = 0;
    await page.route('**/ai/generate', async (route) => {
      asked += 1;
      if (isHeld) held.push(() => route.continue());
      else await route.continue();
    });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.clock.install();
    await promptOf(page).fill('A mole');
    await page.clock.runFor(LONG_MS);
    await waitFor('a question', async () => held.length > 0);
    await page.clock.runFor(LONG_MS);
    assert.equal(asked, 1);

    isHeld = false;
    await held[0]?.();
    await estimateOf(page)
      .getByText(/^About/)
      .waitFor();
    await setHidden(page, true);
    const before = asked;
    await page.clock.runFor(LONG_MS);
    assert.equal(asked, before);

    await setHidden(page, false);
    await waitFor('the next question', async () => {
      await page.clock.runFor(1_000);
      return asked > before;
    });
  });
});

it('a form that is there no more asks for nothing', async () => {
  const { token, images } = await waitingUser(1);
  const { page } = await pages.open({ token, path: `/#/images/${images[0]?.id}` });
  let asked = 0;
  // Without an answer each form would ask once.
  await page.route('**/ai/generate', () => {
    asked += 1;
  });
  await page.clock.install();
  const button = page.getByRole('button', { name: 'Regenerate …' });
  await button.click();
  await button.click();
  await page.clock.runFor(LONG_MS);
  await waitFor('a question', async () => asked > 0);
  await page.clock.runFor(LONG_MS);

  assert.equal(asked, 1);
});

describe('the place of what waits', () => {
  it('falls as those before it go, also of those that come first of very many', async () => {
    const { token, client, images } = await waitingUser(110);
    const open = await pages.open({ token });
    const { page } = open;
    const [row, image] = [rowOf(page, 'Pier 9'), images[8]];
    const placeNow = async () => (await client.get(image?.id ?? '')).queue_position ?? 0;
    await row.getByText(/^Place \d+ in the queue/).waitFor();
    const before = await placeNow();

    for (const { id } of images.slice(0, 6)) await client.cancel(id);

    await waitFor('a place', async () => (await placeNow()) <= before - 6);
    await row.getByText(new RegExp(`^Place ${await placeNow()} in the queue`)).waitFor();
    assertNoFaults(open);
  });
});

describe('a pause', () => {
  it('is named where somebody waits, and no time is told until it is over', async () => {
    const { token } = await waitingUser(1);
    const open = await pages.open({ token });
    const { page } = open;
    const sentence = 'Everything is held back by operators, until they resume it.';
    const stream = page.locator('.stream');
    await promptOf(page).fill('A mole');
    await estimateOf(page)
      .getByText(/place \d+/)
      .waitFor();
    assert.equal(await stream.getByText(sentence).count(), 0);

    await pages.stack.supabase.rpc('pause_generations', { p_model: null, p_until: null, p_reason: 'x' });
    await stream.getByText(sentence).waitFor();
    await estimateOf(page)
      .getByText(/place \d+ in the queue\. Everything is held back by operators, until they resume it\.$/)
      .waitFor();
    await page.getByRole('link', { name: 'Queue', exact: true }).click();
    await page.locator('.tile').getByText('Nothing is started while it is paused.').waitFor();

    await pages.stack.supabase.rpc('resume_generations', { p_model: null, p_holds: true });
    await page.getByText(sentence).waitFor({ state: 'detached' });
    assertNoFaults(open);
  });

  it('is what a waiting image says instead of its place, with the time where that is known', async () => {
    const { token, images } = await waitingUser(3);
    const { page } = await pages.open({ token });
    const told = [
      { eta_seconds: null, warnings: [{ code: 'queue_paused', message: 'Operators have paused it.' }] },
      { eta_seconds: 90, warnings: [{ code: 'queue_held', message: 'Its model is held back.' }] },
      { eta_seconds: null, warnings: [{ code: 'no_worker_online', message: 'No worker is running.' }] },
    ];
    // Without the stream all that is known of them comes by the history.
    await page.route('**/ai/events*', (route) => route.abort());
    await page.route('**/ai/generated-images?*', async (route) => {
      const response = await route.fetch();
      const body = await response.json();
      for (const item of body.items ?? []) {
        Object.assign(item, told[images.findIndex(({ id }) => id === item.id)]);
      }
      await route.fulfill({ response, json: body });
    });
    await page.reload();

    await rowOf(page, 'Pier 1').getByText('Operators have paused it.', { exact: true }).waitFor();
    await rowOf(page, 'Pier 2').getByText('Its model is held back. · ready in about 1 min 30 s').waitFor();
    await rowOf(page, 'Pier 3').getByText('No worker is running.', { exact: true }).waitFor();
  });
});
