import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DOCS_FILES } from '../../src/api/docs-files.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type ApiClient, assertProblem, createApiClient } from './api-client.ts';

let stack: TestStack;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  api = createApiClient((await stack.startApi()).url);
});
after(() => stack.stop());

describe('the documentation page', () => {
  it('has all its files beside it, each of the type that it is used as', async () => {
    const page = await api.get('/docs/');

    const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => String(match[1]));
    assert.deepEqual(files.toSorted(), Object.keys(DOCS_FILES).toSorted());
    const types: Record<string, RegExp> = { js: /javascript/, css: /^text\/css/, png: /^image\/png/ };
    for (const file of files) {
      const { status, headers } = await api.get(`/docs/${file}`);
      assert.equal(status, 200, file);
      assert.match(headers.get('content-type') ?? '', types[file.split('.').at(-1) ?? ''] ?? /^$/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
  });

  it('may ask nobody but this API for anything, and runs no script that stands in a page', async () => {
    const page = await api.get('/docs/');

    const policy = page.headers.get('content-security-policy') ?? '';
    const directives = new Map(
      policy.split('; ').map((text) => [text.split(' ')[0], text.split(' ').slice(1)]),
    );
    assert.deepEqual(directives.get('default-src'), ["'none'"]);
    assert.deepEqual(directives.get('script-src'), ["'self'"]);
    assert.deepEqual(directives.get('connect-src'), ["'self'"]);
    assert.doesNotMatch(policy, /https?:|\*|unsafe-eval|upgrade-insecure-requests/);
    assert.doesNotMatch(page.text, /<script>|\bon\w+=|https?:|\/\//);
  });

  it('sends the document’s address to no validator', async () => {
    const { text } = await api.get('/docs/initializer.js');

    assert.match(text, /validatorUrl: null/);
    assert.doesNotMatch(text, /https?:/);
  });

  it('has nothing of the telemetry that its package depends on', async () => {
    for (const file of ['', ...Object.keys(DOCS_FILES)]) {
      assert.doesNotMatch((await api.get(`/docs/${file}`)).text, /scarf/i, file);
    }
  });

  it('is found without its slash', async () => {
    const answer = await api.send('GET', '/docs', { redirect: 'manual' });

    assert.deepEqual([answer.status, answer.headers.get('location')], [301, 'docs/']);
  });

  it('gives no other file away', async () => {
    const others = ['package.json', 'swagger-ui-bundle.js.map', 'page.html', '..%2fapp.ts', 'constructor'];
    for (const name of others) assertProblem(await api.get(`/docs/${name}`), 404, 'not_found');
  });
});
