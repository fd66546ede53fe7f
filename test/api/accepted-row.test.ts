import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import type { NewGeneration } from '../../src/shared/generation.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createRpc } from '../../src/shared/rpc.ts';
import { createStore, type Store } from '../../src/shared/store.ts';
import { createSupabase } from '../../src/shared/supabase.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const OPTIONS = { repeatForMs: 0 };

let stack: TestStack;
let supabase: ReturnType<typeof createSupabase>;
let store: Store;
before(async () => {
  stack = await startTestStack();
  supabase = createSupabase(stack.supabaseUrl, stack.serviceRoleKey);
  store = createStore(createRpc(supabase.client, createLogger('test', 'silent')));
});
after(async () => {
  await supabase.close();
  await stack.stop();
});

const PLAIN = {
  user_id: null,
  prompt: 'A lighthouse',
  full_prompt: 'A lighthouse',
  dataset_id: null,
  style: null,
  aspect_ratio: null,
  quality: 'standard',
  format: null,
  resolution: '1K',
  reference_images: [],
  unique_visual_elements: undefined,
  model: 'gemini-2.5-flash-image',
  metadata: {},
  estimated_cost_usd: 0.039,
  deadline_seconds: 3_600,
};

async function assertReadAlike(fields: Partial<NewGeneration>): Promise<void> {
  const item = { ...PLAIN, id: uuidv7(), lane_key: `address:${randomUUID()}`, ...fields };

  const [accepted] = await store.submitGenerations([item], OPTIONS);

  const scope = { userId: null, admin: true };
  const [read] = await store.getGenerations([{ id: item.id, scope }], OPTIONS);
  assert.ok(read);
  assert.deepEqual(accepted, { ...read, asked_id: item.id, outcome: 'created' });
}

it('an image with nothing but a prompt is accepted as what it is read as', () => assertReadAlike({}));

it('an image with all that may be asked for is accepted as what it is read as', async () => {
  const { id: userId } = await stack.createUser();
  const [dataset] = await stack.sql<{ id: string }>(
    `insert into public.datasets (name, owner_id) values ('Coffee Co.', $1) returning id`,
    [userId],
  );
  await assertReadAlike({
    user_id: userId,
    lane_key: `user:${userId}`,
    full_prompt: 'Brand: Coffee Co. A lighthouse',
    dataset_id: dataset?.id ?? null,
    style: 'watercolor',
    aspect_ratio: '16:9',
    quality: 'high',
    format: 'png',
    reference_images: [{ bucket: 'reference-images', path: 'a.png' }, { url: 'https://example.com/b.png' }],
    unique_visual_elements: ['steam', { of: 'the cup' }],
    metadata: { z: '1', order: 'é "7"' },
    estimated_cost_usd: 0.24,
    parent_id: uuidv7(),
    root_id: uuidv7(),
    webhook_url: 'https://example.com/hook',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    idempotency_scope: `user:${userId}`,
    idempotency_key: randomUUID(),
    request_hash: 'x',
  });
});

it('an image that is accepted again is answered as it is by then', async () => {
  const item = { ...PLAIN, id: uuidv7(), lane_key: `address:${randomUUID()}` };
  await store.submitGenerations([item], OPTIONS);
  await store.cancelGeneration(item.id, { userId: null, admin: true }, OPTIONS);

  const [again] = await store.submitGenerations([item], OPTIONS);

  assert.partialDeepStrictEqual(again, { asked_id: item.id, outcome: 'created', status: 'canceled' });
});
