import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { startChromium } from '../support/chromium.ts';
import { type Env, type Running, startTestStack, type TestStack } from '../support/test-stack.ts';

const SCREENSHOTS = fileURLToPath(new URL('../../test-output/page/', import.meta.url));
/** What a browser says of answers that are no success, which the page has to live with. */
const OF_ANSWERS = /^Failed to load resource/;
const PATIENCE_MS = 15_000;

export type OpenPage = {
  page: Page;
  /** What went wrong in the page itself: scripts that threw, and whatever its policy forbade. */
  faults: string[];
};

export type PageStack = {
  stack: TestStack;
  /** Where the page is; an API that is started again is there, too. */
  url: string;
  token: string;
  client: DarkroomClient;
  clientOf(token: string): DarkroomClient;
  stopApi(): Promise<void>;
  startApi(env?: Env): Promise<void>;
  /** A window of its own, signed in unless told otherwise. */
  open(options?: BrowserContextOptions & { token?: string | null; path?: string }): Promise<OpenPage>;
  stop(): Promise<void>;
};

/** The page as it is served, in a browser, with all of Darkroom behind it. */
export async function startPageStack(env: Env = {}): Promise<PageStack> {
  const browser: Browser = await startChromium();
  const stack = await startTestStack();
  let api: Running & { url: string } = await stack.startApi(env);
  const { url } = api;
  const { token } = await stack.createUser();
  const clientOf = (own: string) => createDarkroomClient({ baseUrl: url, token: own });

  return {
    stack,
    url,
    token,
    client: clientOf(token),
    clientOf,
    stopApi: () => api.stop(),
    async startApi(more = {}) {
      api = await stack.startApi({ ...env, PORT: new URL(url).port, ...more });
    },
    async open({ token: own = token, path = '/', ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      context.setDefaultTimeout(PATIENCE_MS);
      if (own !== null) {
        await context.addInitScript((kept) => {
          if (!sessionStorage.getItem('test.signed-in')) sessionStorage.setItem('darkroom.token', kept);
          sessionStorage.setItem('test.signed-in', 'once');
        }, own);
      }
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' && !OF_ANSWERS.test(message.text())) faults.push(message.text());
      });
      await page.goto(url + path);
      return { page, faults };
    },
    async stop() {
      await browser.close();
      await stack.stop();
    },
  };
}

/** A picture of the page for whoever looks at the tests' output. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
}

export function assertNoFaults({ faults }: OpenPage): void {
  assert.deepEqual(faults, []);
}
