import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CHROMIUM_STARTS_WITHIN_MS } from '../support/chromium.ts';
import { waitFor } from '../support/wait-for.ts';
import { assertNoFaults, type PageStack, startPageStack } from './page-stack.ts';

const HTML = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script><b>bold</b>';

let pages: PageStack;
before(
  async () => {
    pages = await startPageStack();
    await pages.stack.startWorker();
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(() => pages?.stop());

describe('what others have written', () => {
  it('is text wherever it stands: prompts, styles, names of datasets and of batches', async () => {
    const { client } = pages;
    const dataset = await client.datasets.create({ name: HTML, brand: HTML, vibe: HTML });
    const request = { prompt: `${HTML} [[sim:bytes=1024]]`, style: HTML, dataset_id: dataset.id };
    const { id } = await client.submit(request);
    await client.wait(id);
    await client.regenerate(id, { prompt: `A child ${HTML} [[sim:bytes=1024]]` });
    await client.batches.create({ name: HTML, items: [{ prompt: HTML }] });
    const open = await pages.open();
    const { page } = open;

    await page.getByRole('link', { name: /A child/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Made one from another' }).waitFor();
    await dialog.getByText('The prompt as the model got it').click();
    await dialog.getByText(`Brand: ${HTML}`, { exact: false }).waitFor();
    await dialog.getByRole('button', { name: 'Regenerate …' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Batches' }).click();
    await page.getByRole('heading', { name: HTML }).waitFor();

    assert.equal(await page.evaluate('window.hurt'), undefined);
    assert.equal(await page.locator('main b, main script, dialog b').count(), 0);
    assertNoFaults(open);
  });

  it('is no address to go to where it is none of the web, and no picture of elsewhere is loaded', async () => {
    const { id } = await pages.client.submit({ prompt: 'A trap [[sim:bytes=1024]]' });
    const other = await pages.client.submit({ prompt: 'A beacon [[sim:bytes=1024]]' });
    await Promise.all([pages.client.wait(id), pages.client.wait(other.id)]);
    const change = 'update public.generated_images set thumbnail_path = null, image_url = $2 where id = $1';
    await pages.stack.sql(change, [id, 'javascript:window.hurt=1']);
    await pages.stack.sql(change, [other.id, 'https://elsewhere.example/pixel.png']);
    const { page, faults } = await pages.open();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.reload();

    await page.getByRole('link', { name: /The picture cannot be shown.*A beacon/ }).waitFor();
    await page.getByRole('link', { name: /A trap/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete …' }).waitFor();

    assert.equal(await dialog.locator('[href^="javascript:"]').count(), 0);
    assert.equal(await page.evaluate('window.hurt'), undefined);
    const strangers = asked.filter(
      (url) => !url.startsWith(pages.url) && !url.startsWith(pages.stack.supabaseUrl),
    );
    // The browser names what it then does not ask for.
    assert.deepEqual(
      [...new Set(strangers)].filter((url) => !url.startsWith('https://elsewhere.example')),
      [],
    );
    assert.ok(faults.length > 0);
    assert.ok(
      faults.every((fault) => /elsewhere\.example.*Content Security Policy/s.test(fault)),
      faults.join(),
    );
  });
});

describe('the token', () => {
  it('stands in no address, and is sent to this API only', async () => {
    const { id } = await pages.client.submit({ prompt: 'A beach [[sim:bytes=1024]]' });
    await pages.client.wait(id);
    const { page } = await pages.open();
    const seen: { url: string; token: string | undefined }[] = [];
    page.on('request', (request) => {
      seen.push({ url: request.url(), token: request.headers().authorization });
    });
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    await waitFor('pictures', async () => seen.some(({ url }) => url.startsWith(pages.stack.supabaseUrl)));

    assert.ok(seen.some(({ token }) => token === `Bearer ${pages.token}`));
    assert.deepEqual(
      seen.filter(({ url }) => url.includes(pages.token)),
      [],
    );
    assert.deepEqual(
      seen.filter(({ url, token }) => token && !url.startsWith(`${pages.url}/ai/`)),
      [],
    );
    assert.equal(await page.evaluate('localStorage.length + document.cookie.length'), 0);
  });
});
