import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient } from './api-client.ts';

const WEB = new URL('../../src/web/', import.meta.url);

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  // One request a minute: whatever is counted is refused soon.
  api = createApiClient((await stack.startApi({ RATE_LIMIT_REQUEST: '1' })).url);
});
after(() => stack.stop());

/** Every file that the page asks for, by following what each of them names. */
async function findFiles(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const visit = async (path: string): Promise<void> => {
    if (found.has(path)) return;
    const { status, text } = await api.get(path);
    assert.equal(status, 200, path);
    found.set(path, text);
    const names = [...text.matchAll(/(?:src|href)="(web\/[^"]+)"|\bfrom '([^']+)'/g)];
    for (const [, asked, imported] of names) {
      await visit(new URL(asked ?? imported ?? '', `http://page${path}`).pathname);
    }
  };
  await visit('/');
  return found;
}

describe('the page', () => {
  it('has all its files, which are JavaScript, without a build, and count for no limit', async () => {
    const found = await findFiles();

    assert.ok(found.has('/web/main.ts') && found.has('/client/client.ts'));
    for (const [path, text] of found) {
      const { headers } = await api.get(path);
      assert.equal(headers.get('cache-control'), 'public, no-cache', path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('ratelimit'), null, path);
      if (!path.endsWith('.ts')) continue;
      assert.match(headers.get('content-type') ?? '', /^text\/javascript/, path);
      assert.doesNotMatch(text, /^import type|^export type|\binterface /m, path);
    }
    // Of types nothing is left to ask for.
    const unasked = ['tsconfig.json', 'page.html', 'app.ts'];
    const own = readdirSync(WEB).filter((name) => !unasked.includes(name));
    assert.deepEqual(
      own.filter((name) => !found.has(`/web/${name}`)),
      [],
    );
  });

  it('is not sent again to who has it', async () => {
    for (const path of ['/', '/web/main.ts', '/web/page.css', '/client/client.ts']) {
      const etag = (await api.get(path)).headers.get('etag') ?? '';

      assert.equal((await api.get(path, { 'if-none-match': etag })).status, 304, path);
    }
  });

  it('runs nothing but its own scripts, makes no HTML of text, and asks only this API and Storage', async () => {
    const { headers, text } = await api.get('/');

    const directives = Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split('; ').map((one) => one.split(/ (.*)/)),
    );
    assert.deepEqual(directives, {
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': `'self' ${stack.supabaseUrl}`,
      'connect-src': "'self'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
      'require-trusted-types-for': "'script'",
      'trusted-types': "'none'",
    });
    assert.doesNotMatch(text, /<script>|<style|\bon\w+=|style=|https?:|"\/\//);
  });

  it('gives no other file away', async () => {
    for (const path of [
      '/web/tsconfig.json',
      '/web/..%2fapi%2fapp.ts',
      '/client/..%2f..%2fpackage.json',
      '/web/constructor',
    ]) {
      assertProblem(await api.get(path), 404, 'not_found');
    }
    assertProblem(await api.send('POST', '/'), 405, 'method_not_allowed');
    assertProblem(await api.send('DELETE', '/web/main.ts'), 405, 'method_not_allowed');
  });

  it('is written without a way to make HTML or code of text, and without addresses of others', () => {
    for (const name of readdirSync(WEB).filter((one) => /\.(ts|css|html)$/.test(one))) {
      const source = readFileSync(new URL(name, WEB), 'utf8');
      const ways =
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser/;
      assert.doesNotMatch(source, ways, name);
      // A kind of elements has a name that looks like an address.
      const addresses = source.replace(/'http:\/\/www\.w3\.org\/\d+\/svg'/, '');
      assert.doesNotMatch(addresses, /https?:\/\/|@import|localStorage/, name);
    }
  });
});
