import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let apiUrl: string;
before(async () => {
  stack = await startTestStack({ leaseSeconds: 600 });
  // Nothing is released, so that everybody keeps standing where they are.
  await stack.sql("select public.hold_calls('operator', 3600, 'test')");
  apiUrl = (await stack.startApi()).url;
});
after(() => stack.stop());

async function submit(token: string): Promise<string> {
  const answer = await fetch(`${apiUrl}/ai/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ prompt: 'A lighthouse' }),
  });
  return ((await answer.json()) as { id: string }).id;
}

type Placed = { queue_position: number | null; eta_seconds: number | null; warnings: { code: string }[] };

/** Through an API that was just started, which has read the queue as it is now; a slow machine may not know it at first. */
async function readPlaces(token: string, ids: string[]): Promise<Placed[]> {
  const fresh = await stack.startApi();
  for (;;) {
    const places = await readOnce(fresh.url, token, ids);
    if (places.every(({ queue_position }) => queue_position !== null)) return places;
  }
}

function readOnce(url: string, token: string, ids: string[]): Promise<Placed[]> {
  return Promise.all(
    ids.map(async (id) => {
      const answer = await fetch(`${url}/ai/generated-images/${id}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return (await answer.json()) as Placed;
    }),
  );
}

/** With one slot; images of the kind that waits took ten seconds lately. */
async function addWorker(): Promise<void> {
  await stack.sql("select public.beat_worker($1, 'host', 1, '[]')", [randomUUID()]);
  await stack.sql(`
    insert into public.generated_images (prompt, full_prompt, image_url, model, resolution, started_at, completed_at, root_id)
    select 'p', 'p', 'u', model, resolution, now() - interval '10 seconds', now(), gen_random_uuid()
    from public.generated_images where status = 'pending' limit 1`);
}

it('tells every caller a place in the fair order, and when the image can be expected', async () => {
  const heavy = await stack.createUser();
  const light = await stack.createUser();
  const heavyIds = [await submit(heavy.token), await submit(heavy.token), await submit(heavy.token)];
  const lightIds = [await submit(light.token)];

  const alone = await readPlaces(light.token, lightIds);
  assert.equal(alone[0]?.eta_seconds, null);
  assert.deepEqual(
    alone[0]?.warnings.map(({ code }) => code),
    ['no_worker_online'],
  );

  await addWorker();

  const ofHeavy = await readPlaces(heavy.token, heavyIds);
  const ofLight = await readPlaces(light.token, lightIds);
  // By the sum over callers of min(their waiting rows, my place among mine).
  assert.deepEqual(
    ofHeavy.map((record) => record.queue_position),
    [2, 3, 4],
  );
  assert.deepEqual(
    ofLight.map((record) => record.queue_position),
    [2],
  );
  assert.deepEqual(
    [...ofHeavy, ...ofLight].map((record) => record.warnings),
    [[], [], [], []],
  );
  const etas = ofHeavy.map((record) => record.eta_seconds ?? 0);
  assert.ok((etas[0] ?? 0) >= 10 && (etas[2] ?? 0) <= 40, `${etas} s`);
  assert.deepEqual(
    etas,
    etas.toSorted((a, b) => a - b),
  );
});

it('tells when to ask again: after a quarter of the wait, 30 seconds at most, also who has the record already', async () => {
  const caller = await stack.createUser();
  const ids = [];
  for (let n = 0; n < 5; n++) ids.push(await submit(caller.token));
  await addWorker();
  const read = async (id: string | undefined, etag = '') => {
    const headers = { authorization: `Bearer ${caller.token}`, 'if-none-match': etag };
    const answer = await fetch(`${apiUrl}/ai/generated-images/${id}`, { headers });
    const { eta_seconds } = answer.status === 200 ? ((await answer.json()) as Placed) : { eta_seconds: null };
    return {
      status: answer.status,
      eta: eta_seconds ?? 0,
      hint: Number(answer.headers.get('retry-after')),
      etag: answer.headers.get('etag') ?? '',
    };
  };
  let near = await read(ids[4]);
  // Until the API has read the queue with the worker in it.
  while (near.eta === 0) near = await read(ids[4]);

  const known = await read(ids[4], near.etag);
  await Promise.all(Array.from({ length: 60 }, () => submit(caller.token)));
  const far = await read(await submit(caller.token));

  assert.ok(near.eta > 10 && near.eta < 118, `${near.eta} s`);
  assert.equal(near.hint, Math.round(near.eta / 4));
  assert.deepEqual([known.status, known.hint], [304, near.hint]);
  assert.ok(far.eta > 122, `${far.eta} s`);
  assert.equal(far.hint, 30);
});
