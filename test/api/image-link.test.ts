import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitForEnd } from '../support/wait-for-end.ts';
import { type ApiClient, assertProblem, createApiClient, IMAGES } from './api-client.ts';

let stack: TestStack;
let url: string;
let api: ApiClient;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
  api = createApiClient(url);
});
after(() => stack.stop());

const link = (id: string) => api.send('GET', `${IMAGES}/${id}/image`, { redirect: 'manual' });

describe('the link of an image', () => {
  it('leads to its file', async () => {
    const worker = await stack.startWorker();
    const { id, links } = await api.submit({ prompt: 'A harbour [[sim:bytes=1024]]' });
    const record = await waitForEnd(url, id);
    await worker.stop();

    const answer = await link(id);

    assert.equal(links.image, `${IMAGES}/${id}/image`);
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, record.image_url]);
    // Or browsers would refuse it to an <img> on a page of another origin.
    assert.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin');
    const file = await fetch(`${url}${links.image}`);
    assert.equal((await file.arrayBuffer()).byteLength, record.bytes);
  });

  it('says when to ask again before the image is ready', async () => {
    const { id } = await api.submit();

    const answer = await link(id);

    assertProblem(answer, 404, 'image_not_ready');
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  });

  it('of an image that ended without a file leads nowhere', async () => {
    const { id } = await api.submit();
    await api.send('POST', `${IMAGES}/${id}/cancel`);

    const answer = await link(id);

    assertProblem(answer, 404, 'not_found');
    assert.equal(answer.body.detail, 'The image ended without a file: it is canceled.');
  });
});
