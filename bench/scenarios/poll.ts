import { startBenchStack } from '../bench-stack.ts';
import { interleave, judge } from '../figures.ts';
import { sendLoad } from '../load.ts';
import type { Scenario } from '../scenario.ts';
import { BODY, CONNECTIONS, startFloorApi } from './submit.ts';

export const poll: Scenario = {
  name: 'poll',
  about: `${CONNECTIONS} connections that ask for one image again, If-None-Match; floor: the same app without Postgres and Redis`,
  async run({ quick, repeats }, say) {
    const stack = await startBenchStack();
    try {
      const { token } = await stack.createUser();
      const api = await stack.startApi();
      const floor = await startFloorApi(stack);
      const authorization = { authorization: `Bearer ${token}` };
      const rate = async (url: string): Promise<number> => {
        const { path, etag } = await submitOne(url, authorization);
        const headers = { ...authorization, 'if-none-match': etag };
        const load = {
          url: url + path,
          connections: CONNECTIONS,
          seconds: quick ? 2 : 6,
          headers,
          expect: 304,
        };
        return (await sendLoad(load)).requestsPerSecond;
      };
      await Promise.all([rate(api.url), rate(floor.url)]);
      let cpu = {};
      const rates = await interleave(repeats, {
        floor: () => rate(floor.url),
        value: async () => {
          await stack.readShares();
          const value = await rate(api.url);
          cpu = await stack.readShares();
          say(`poll: ${value} a second`);
          return value;
        },
      });
      return [judge({ name: 'poll', ...rates, unit: 'requests/s', target: { at_least: 0.7 }, cpu })];
    } finally {
      await stack.stop();
    }
  },
};

/** The floor keeps the first image that it was sent only, so that one is asked for. */
const known = new Map<string, { path: string; etag: string }>();
async function submitOne(url: string, headers: Record<string, string>) {
  const one = known.get(url);
  if (one) return one;
  const answer = await fetch(`${url}/ai/generate`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: BODY,
  });
  const { id } = (await answer.json()) as { id: string };
  const found = { path: `/ai/generated-images/${id}`, etag: answer.headers.get('etag') ?? '' };
  known.set(url, found);
  return found;
}
