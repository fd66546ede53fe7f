import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { CHROMIUM_STARTS_WITHIN_MS, startChromium } from '../support/chromium.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { startPageServer } from './page-server.ts';

let stack: TestStack;
let pages: Awaited<ReturnType<typeof startPageServer>>;
let browser: Browser;
let proxy: TcpProxy;
let page: Page;
/** As the page reaches it, and as the test does. */
let api: string;
let direct: string;
let token: string;
let client: DarkroomClient;
before(
  async () => {
    browser = await startChromium();
    pages = await startPageServer();
    stack = await startTestStack();
    ({ url: direct } = await stack.startApi({ CORS_ORIGINS: pages.url }));
    proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(direct).port) });
    api = `http://127.0.0.1:${proxy.port}`;
    await stack.startWorker();
    ({ token } = await stack.createUser());
    client = createDarkroomClient({ baseUrl: direct, token });
    page = await browser.newPage();
    await page.goto(pages.url);
  },
  { timeout: CHROMIUM_STARTS_WITHIN_MS },
);
after(async () => {
  await browser?.close();
  pages?.close();
  await proxy?.close();
  await stack?.stop();
});

/** A page's own functions and what they keep; the browser has them as globals. */
type Seen = { status: string; sequence: number; connection: number };
type Globals = { seen: Seen[] };

/** Follows a link in the page by the browser's own EventSource. */
const follow = (link: string) =>
  page.evaluate((address) => {
    const kept = globalThis as unknown as Globals;
    kept.seen = [];
    let connection = 0;
    const source = new EventSource(address);
    source.onopen = () => {
      connection++;
    };
    source.addEventListener('image.updated', (event) => {
      const {
        status,
        status_sequence: sequence,
        completed_at,
      } = JSON.parse((event as MessageEvent).data).image;
      kept.seen.push({ status, sequence, connection });
      if (completed_at) source.close();
    });
  }, api + link);
const seenIs = (status: string) =>
  page.waitForFunction((wanted) => {
    const { seen } = globalThis as unknown as Globals;
    return seen.some((one) => one.status === wanted);
  }, status);
const seen = () => page.evaluate(() => (globalThis as unknown as Globals).seen);

describe('in Chromium', () => {
  it('a page of another origin follows an image by its link', async () => {
    const { links } = await client.submit({ prompt: 'A harbour [[sim:bytes=1024]]' });

    await follow(links.events);
    await seenIs('succeeded');

    const sequences = (await seen()).map(({ sequence }) => sequence);
    assert.deepEqual(sequences, [...new Set(sequences)].sort());
  });

  it('an EventSource whose connection is cut comes back by itself and misses nothing', async () => {
    const { id, links } = await client.submit({
      prompt: `A harbour [[sim:key=${randomUUID()}; fault=hold:ok]]`,
    });
    await follow(links.events);
    await seenIs('processing');

    proxy.cut();
    await client.cancel(id);
    proxy.restore();
    await seenIs('canceled');

    const all = await seen();
    assert.ok((all.at(-1)?.connection ?? 0) > 1);
  });

  it('the client follows all of its caller’s images', async () => {
    const statuses = await page.evaluate(
      async ([baseUrl, ownToken, source]) => {
        const { createDarkroomClient: create } = await import(String(source));
        const own = create({ baseUrl, token: ownToken });
        const { id } = await own.submit({ prompt: 'A harbour [[sim:bytes=1024]]' });
        const told: string[] = [];
        for await (const event of own.events()) {
          if (event.type !== 'image.updated' || event.image.id !== id) continue;
          told.push(event.image.status);
          if (event.image.completed_at) return told;
        }
        return told;
      },
      [api, token, '/src/client/client.ts'],
    );

    assert.equal(statuses.at(-1), 'succeeded');
  });
});
