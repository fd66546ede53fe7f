import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import type { DarkroomError } from '../../src/client/darkroom-error.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { failBatch } from './fail-batch.ts';

const BATCH = 'https://hooks.example.com/batch';
const ITEM = 'https://hooks.example.com/item';
const PROMPT = 'A harbour [[sim:bytes=1024]]';

let stack: TestStack;
let url: string;
before(async () => {
  stack = await startTestStack();
  ({ url } = await stack.startApi());
});
after(() => stack.stop());

async function newClient({ secret = true } = {}): Promise<DarkroomClient> {
  const client = createDarkroomClient({ baseUrl: url, token: (await stack.createUser()).token });
  if (secret) await client.webhooks.secrets.create();
  return client;
}

async function toldTo(client: DarkroomClient): Promise<string[]> {
  const told: string[] = [];
  for await (const { type, url: to } of client.webhooks.deliveries()) told.push(`${type} ${to}`);
  return told.sort();
}

it('a batch tells its end to its address, and each image to its own or that of the defaults', async () => {
  const client = await newClient();
  const worker = await stack.startWorker();
  const { id } = await client.batches.create({
    webhook_url: BATCH,
    defaults: { webhook_url: ITEM },
    items: [
      { prompt: PROMPT },
      { prompt: PROMPT, webhook_url: `${ITEM}/own` },
      { prompt: PROMPT, webhook_url: null },
    ],
  });
  await client.batches.wait(id);

  const told = await waitFor('its end', async () => {
    const all = await toldTo(client);
    return all.some((one) => one.startsWith('batch.')) && all;
  });

  assert.deepEqual(told, [
    `batch.completed ${BATCH}`,
    `image.succeeded ${ITEM}`,
    `image.succeeded ${ITEM}/own`,
  ]);
  await worker.stop();
});

it('a batch of lines has its address in the query, and lines their own', async () => {
  const client = await newClient();
  const { id } = await client.batches.createFromLines([{ prompt: PROMPT, webhook_url: ITEM }], {
    webhookUrl: BATCH,
  });

  const [row] = await stack.sql(
    `select b.webhook_url as batch, g.webhook_url as image
     from public.batches b join public.generated_images g on g.batch_id = b.id where b.id = $1`,
    [id],
  );
  assert.deepEqual(row, { batch: BATCH, image: ITEM });
});

it('a retry tells its end where its parent did', async () => {
  const client = await newClient();
  const { id } = await client.batches.create({
    webhook_url: BATCH,
    items: [{ prompt: PROMPT, webhook_url: ITEM }],
  });
  await failBatch(stack, id);

  const retry = await client.batches.retry(id);

  const [row] = await stack.sql(
    `select b.webhook_url as batch, g.webhook_url as image
     from public.batches b join public.generated_images g on g.batch_id = b.id where b.id = $1`,
    [retry.id],
  );
  assert.deepEqual(row, { batch: BATCH, image: ITEM });
});

it('addresses of a user without a secret, and bad ones, are told by where they stand', async () => {
  const client = await newClient({ secret: false });
  const pointers = async (work: Promise<unknown>) => {
    const refusal = await work.then(
      () => assert.fail('accepted'),
      (error: DarkroomError) => error,
    );
    return refusal.errors.map(({ pointer, code }) => `${pointer} ${code}`).sort();
  };
  const items = [{ prompt: PROMPT, webhook_url: ITEM }, { prompt: PROMPT }];

  assert.deepEqual(
    await pointers(client.batches.create({ webhook_url: BATCH, defaults: { webhook_url: ITEM }, items })),
    [
      '/defaults/webhook_url no_webhook_secret',
      '/items/0/webhook_url no_webhook_secret',
      '/webhook_url no_webhook_secret',
    ],
  );
  assert.deepEqual(await pointers(client.batches.createFromLines(items)), [
    'line 1/webhook_url no_webhook_secret',
  ]);
  assert.deepEqual(await pointers(client.batches.createFromLines(items, { webhookUrl: BATCH })), [
    '?webhook_url no_webhook_secret',
  ]);
  assert.deepEqual(
    await pointers(client.batches.createFromLines(items, { webhookUrl: 'http://a.example' })),
    ['?webhook_url invalid_value'],
  );
});
