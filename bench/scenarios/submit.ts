import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { type Child, logged } from '../child.ts';
import { interleave, judge } from '../figures.ts';
import { sendLoad } from '../load.ts';
import type { Scenario } from '../scenario.ts';

export const CONNECTIONS = 64;
export const BODY = JSON.stringify({
  prompt: 'Modern coffee shop interior with copper lamps and an oak counter, morning light',
  style: 'photorealistic',
  aspect_ratio: '16:9',
  metadata: { row: '17' },
});

export const submit: Scenario = {
  name: 'submit',
  about: `${CONNECTIONS} connections that submit; floor: the same app without Postgres and Redis`,
  async run({ quick, repeats }, say) {
    const stack = await startBenchStack();
    try {
      const { token } = await stack.createUser();
      const api = await stack.startApi();
      const floor = await startFloorApi(stack);
      const seconds = quick ? 2 : 8;
      const rate = async (url: string, forSeconds = seconds) =>
        (await sendSubmits(url, token, forSeconds)).requestsPerSecond;
      await Promise.all([rate(api.url, 2), rate(floor.url, 2)]);
      let cpu = {};
      const rates = await interleave(repeats, {
        floor: () => rate(floor.url),
        value: async () => {
          await stack.readShares();
          const value = await rate(api.url);
          cpu = await stack.readShares();
          say(`submit: ${value} a second`);
          return value;
        },
      });
      const target = { at_least: 0.6 };
      return [judge({ name: 'submit', ...rates, unit: 'requests/s', target, cpu })];
    } finally {
      await stack.stop();
    }
  },
};

export function sendSubmits(url: string, token: string, seconds: number) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const load = { connections: CONNECTIONS, method: 'POST', headers, body: BODY, expect: 202 } as const;
  return sendLoad({ ...load, url: `${url}/ai/generate`, seconds });
}

export async function startFloorApi(stack: BenchStack): Promise<{ url: string; child: Child }> {
  const child = stack.start('floor', 'bench/floors/api-main.ts');
  const { url } = await child.read(logged('api.started'));
  return { url: String(url), child };
}
