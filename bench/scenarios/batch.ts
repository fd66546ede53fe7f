import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { interleave, judge } from '../figures.ts';
import type { Scenario } from '../scenario.ts';

const PROMPT = 'Modern coffee shop interior with copper lamps and an oak counter, morning light';
const PAGE = 1_000;

export const batch: Scenario = {
  name: 'batch',
  about:
    'a batch of 10,000 lines until it is accepted; floor: a pg client that inserts the same rows, 1,000 a statement',
  async run({ quick, repeats }, say) {
    const count = quick ? 2_000 : 10_000;
    const stack = await startBenchStack();
    try {
      const user = await stack.createUser();
      const { url } = await stack.startApi();
      let cpu = {};
      const rates = await interleave(repeats, {
        floor: () => insertRate(stack, user.id, count),
        value: async () => {
          await stack.readShares();
          const value = await submitRate(url, user.token, count);
          cpu = await stack.readShares();
          say(`batch: ${value.toFixed(0)} prompts a second`);
          return value;
        },
      });
      return [judge({ name: 'batch', ...rates, unit: 'prompts/s', target: { at_least: 0.5 }, cpu })];
    } finally {
      await stack.stop();
    }
  },
};

async function submitRate(url: string, token: string, count: number): Promise<number> {
  const line = (n: number) =>
    `${JSON.stringify({ prompt: PROMPT, custom_id: `${n}`, metadata: { row: `${n}` } })}\n`;
  const body = Array.from({ length: count }, (_, n) => line(n)).join('');
  const from = performance.now();
  const answer = await fetch(`${url}/ai/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body,
  });
  const ms = performance.now() - from;
  if (answer.status !== 202) throw new Error(await answer.text());
  const { id } = (await answer.json()) as { id: string };
  // What goes on behind an accepted batch would be measured with the floor.
  const stop = await fetch(`${url}/ai/batches/${id}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  if (!stop.ok) throw new Error(await stop.text());
  return (count / ms) * 1_000;
}

/** The columns that a batch's rows have, in one statement a page. */
async function insertRate(stack: BenchStack, userId: string, count: number): Promise<number> {
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  const from = performance.now();
  for (let at = 0; at < count; at += PAGE) {
    const rows = Array.from({ length: Math.min(PAGE, count - at) }, (_, n) => ({
      id: uuidv7(),
      row: `${at + n}`,
    }));
    await client.query(
      `insert into public.generated_images
         (id, user_id, prompt, full_prompt, aspect_ratio, quality, resolution, model, lane_key, metadata, estimated_cost_usd,
          root_id, custom_id, not_before, status, completed_at, deadline_at)
       select r.id, $2, $3, $3, '1:1', 'standard', '1K', 'gemini-nano-banana-2.1', 'user:' || $2::uuid,
         jsonb_build_object('row', r.row), 0.0336, r.id, r.row, 'infinity', 'pending', null, now() + interval '1 day'
       from jsonb_to_recordset($1::jsonb) as r (id uuid, row text)`,
      [JSON.stringify(rows), userId, PROMPT],
    );
  }
  const ms = performance.now() - from;
  await client.end();
  return (count / ms) * 1_000;
}
