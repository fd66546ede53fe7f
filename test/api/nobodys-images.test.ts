import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { type Answer, type ApiClient, assertProblem, createApiClient, IMAGES } from './api-client.ts';

let stack: TestStack;
let nobody: ApiClient;
let admin: ApiClient;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi({ TRUSTED_PROXIES: '1' });
  nobody = createApiClient(url);
  admin = createApiClient(url, stack.serviceRoleKey);
});
after(() => stack.stop());

const at = (address: string) => ({ headers: { 'x-forwarded-for': address } });
const [HERE, ELSEWHERE] = [at('203.0.113.7'), at('198.51.100.9')];

const submitHere = async (): Promise<string> =>
  (await nobody.generate({ prompt: 'A fox' }, HERE.headers)).body.id;

const changes: [name: string, ask: (id: string, init: RequestInit) => Promise<Answer>, status: number][] = [
  ['stopped', (id, init) => nobody.send('POST', `${IMAGES}/${id}/cancel`, init), 200],
  ['deleted', (id, init) => nobody.send('DELETE', `${IMAGES}/${id}`, init), 204],
];
for (const [name, change, status] of changes) {
  describe(`an image that belongs to nobody is ${name}`, () => {
    it('from the address that asked for it', async () => {
      assert.equal((await change(await submitHere(), HERE)).status, status);
    });

    it('not from another, though that may read it', async () => {
      const id = await submitHere();

      assertProblem(await change(id, ELSEWHERE), 403, 'forbidden');

      const read = await nobody.get(`${IMAGES}/${id}`, ELSEWHERE.headers);
      assert.deepEqual([read.status, read.body.status], [200, 'pending']);
    });

    it('not by callers without a token when an admin has made it', async () => {
      const { id } = await admin.submit();

      assertProblem(await change(id, HERE), 403, 'forbidden');
      assert.equal((await admin.read(id)).body.status, 'pending');
    });

    it('not from before it had addresses', async () => {
      const [row] = await stack.sql(
        `insert into public.generated_images (prompt, full_prompt, image_url)
         values ('A fox', 'A fox', 'https://example.com/a.png') returning id`,
      );

      assertProblem(await change(row?.id, HERE), 403, 'forbidden');
    });
  });
}
