import { encodeCursor } from '../../src/api/cursor.ts';
import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { judge, quantile } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { seedHistory } from '../seed-rows.ts';

const DEPTHS = [0.1, 0.5, 0.99];

export const history: Scenario = {
  name: 'history',
  about: 'pages of 50 at any depth of 1,000,000 images, by cursor; floor: the first page',
  async run({ quick }, say) {
    const count = quick ? 20_000 : 1_000_000;
    const stack = await startBenchStack();
    try {
      const { id, token } = await stack.createUser();
      await seedHistory(stack, id, count);
      say(`history: ${count} images`);
      const api = await stack.startApi();
      const read = async (cursor: string | null): Promise<number> => {
        const query = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
        const from = performance.now();
        const answer = await fetch(`${api.url}/ai/generated-images?limit=50${query}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        const { items } = (await answer.json()) as { items: unknown[] };
        if (items.length !== 50) throw new Error(`A page has ${items.length} images.`);
        return performance.now() - from;
      };
      const cursors = await Promise.all(
        DEPTHS.map((depth) => cursorAt(stack, id, Math.floor(count * depth))),
      );
      const [firsts, deep]: [number[], number[]] = [[], []];
      for (let n = 0; n < (quick ? 60 : 600); n++) {
        firsts.push(await read(null));
        deep.push(await read(cursors[n % cursors.length] ?? null));
      }
      const [warm, skip] = [firsts.slice(20), deep.slice(20)];
      const at = (q: number) => ({ value: quantile(skip, q), floor: quantile(warm, q), unit: 'ms' });
      return [
        judge({ name: 'history, p50', ...at(0.5), target: { at_most: 1.2 } }),
        judge({ name: 'history, p99', ...at(0.99), target: { at_most: 1.5 } }),
      ];
    } finally {
      await stack.stop();
    }
  },
};

/** The cursor that a client would have who has read so far. */
async function cursorAt(stack: BenchStack, userId: string, offset: number): Promise<string> {
  const [row] = await stack.sql<{ created_at: string; id: string }>(
    `select to_jsonb(created_at) #>> '{}' as created_at, id from public.generated_images where user_id = $1
     order by created_at desc, id desc offset $2 limit 1`,
    [userId, offset],
  );
  if (!row) throw new Error(`There is nothing after ${offset} images.`);
  return encodeCursor(row);
}
