import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: TestStack;
let apiUrl: string;
before(async () => {
  stack = await startTestStack({ leaseSeconds: 600 });
  apiUrl = (await stack.startApi()).url;
  // The only place that there is is taken for good, so that everybody keeps standing where they are.
  await stack.sql('update public.settings set max_concurrency = 1');
  await stack.sql(`
    insert into public.generated_images
      (prompt, full_prompt, model, lane_key, status, claim_id, worker_id, released_at, started_at, completed_at,
        deadline_at, root_id)
    values ('p', 'p', 'other', 'other', 'processing', gen_random_uuid(), gen_random_uuid(), now(), now(), null,
      now() + interval '1 day', gen_random_uuid())`);
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

it('promises no time while an operator has paused the queue, and says why', async () => {
  const { token } = await stack.createUser();
  const id = await submit(token);
  await addWorker();
  const dryRun = async () => {
    const { url } = await stack.startApi();
    const body = JSON.stringify({ prompt: 'A lighthouse', dry_run: true });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    for (;;) {
      const answer = await fetch(`${url}/ai/generate`, { method: 'POST', headers, body });
      const estimate = (await answer.json()) as Placed;
      if (estimate.queue_position !== null) return estimate;
    }
  };
  const told = async () => {
    const [record] = await readPlaces(token, [id]);
    return [record, await dryRun()].map((one) => ({
      eta: one?.eta_seconds ?? null,
      warnings: one?.warnings.map(({ code }) => code),
    }));
  };

  await stack.sql('select public.pause_generations(null, null, null)');
  const paused = await told();
  await stack.sql("select public.pause_generations('some-other-model', null, null)");
  await stack.sql('select public.resume_generations(null, false)');
  const ofAnother = await told();
  await stack.sql("select public.hold_calls('project', 3600, 'quota')");
  const held = await told();
  await stack.sql('delete from public.pauses');

  const none = { eta: null, warnings: ['queue_paused'] };
  assert.deepEqual(paused, [none, none]);
  for (const { eta, warnings } of ofAnother) {
    assert.ok(eta !== null && eta < 3_000, `${eta} s`);
    assert.deepEqual(warnings, []);
  }
  for (const { eta, warnings } of held) {
    assert.ok(eta !== null && eta > 3_500, `${eta} s`);
    assert.deepEqual(warnings, ['queue_held']);
  }
});

it("a batch is ready when its last image is: after what its caller has in front of it, and others' turns", async () => {
  await stack.sql("delete from public.generated_images where status = 'pending'");
  await stack.sql('delete from public.lanes');
  const [caller, other] = [await stack.createUser(), await stack.createUser()];
  const submitBatch = async (token: string, count: number): Promise<string> => {
    const answer = await fetch(`${apiUrl}/ai/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ items: Array.from({ length: count }, () => ({ prompt: 'A lighthouse' })) }),
    });
    return ((await answer.json()) as { id: string }).id;
  };
  const [first, second] = [await submitBatch(caller.token, 30), await submitBatch(caller.token, 10)];
  await submitBatch(other.token, 5);
  await waitFor('all to stand in their lanes', async () => {
    const [row] = await stack.sql(
      "select count(*)::int as n from public.generated_images where not_before = 'infinity'",
    );
    return row?.n === 0;
  });
  await addWorker();
  const { url } = await stack.startApi();

  const etaOf = async (id: string): Promise<number | null> => {
    const answer = await fetch(`${url}/ai/batches/${id}`, {
      headers: { authorization: `Bearer ${caller.token}` },
    });
    return ((await answer.json()) as { eta_seconds: number | null }).eta_seconds;
  };
  await waitFor('the queue to be known', async () => (await etaOf(first)) !== null);

  // Ten seconds each, one at a time: 30 and 5 of the other's; then all 45.
  assert.deepEqual([await etaOf(first), await etaOf(second)], [350, 450]);
});
