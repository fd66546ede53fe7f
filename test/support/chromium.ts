import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';

const SCRIPT = fileURLToPath(new URL('../../script/chromium', import.meta.url));
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Fetching it the first time takes a while. */
export const CHROMIUM_STARTS_WITHIN_MS = 300_000;

/** A browser without a window. Rejects with what to install where there is none and none can be had. */
export async function startChromium(): Promise<Browser> {
  const { stdout } = await promisify(execFile)(SCRIPT);
  return chromium.launch({ executablePath: stdout.trim(), args: FLAGS, headless: true });
}
