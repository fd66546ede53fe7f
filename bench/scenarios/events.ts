import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type BenchStack, startBenchStack } from '../bench-stack.ts';
import { judge, quantile } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Listener, StreamTimes } from '../streams-main.ts';

const STREAMS = 2_000;
const STREAMS_OF_EACH = 5;
const CHANGES_A_SECOND = 20;
/** What a closed round of garbage collection and the first look take. */
const SETTLE_MS = 4_000;

export const events: Scenario = {
  name: 'events',
  about: `${STREAMS.toLocaleString('en')} open streams on one API, ${CHANGES_A_SECOND} changes a second that five of them each are told; floor: the answer to the request that makes the change`,
  async run({ quick }, say) {
    const stack = await startBenchStack();
    try {
      const streams = quick ? 200 : STREAMS;
      const api = await stack.startApi();
      const listeners = await makeListeners(stack, api.url, streams / STREAMS_OF_EACH);
      await delay(SETTLE_MS);
      const before = readResident(api.child.pid);
      const child = stack.start('streams', 'bench/streams-main.ts', {
        API_URL: api.url,
        STREAMS_OF_EACH: `${STREAMS_OF_EACH}`,
        CHANGES_A_SECOND: `${CHANGES_A_SECOND}`,
      });
      child.say(`${JSON.stringify(listeners)}\n`);
      await child.read((line) => (line === 'opened' ? true : undefined));
      await delay(SETTLE_MS);
      const kb = (readResident(api.child.pid) - before) / streams / 1_000;
      await stack.readShares();
      await delay(quick ? 1_000 : 5_000);
      const idle = await stack.readShares();
      say(`events: ${kb.toFixed(1)} kB a stream; idle, the API takes ${shareOf(idle, 'api')} of a core`);
      child.say('go\n');
      const times = await child.read((line) =>
        line.startsWith('{"answers"') ? (JSON.parse(line) as StreamTimes) : undefined,
      );
      const cpu = await stack.readShares();
      if (times.missing > 0) throw new Error(`${times.missing} events were not told in time.`);
      const at = (q: number) => ({ value: quantile(times.events, q), floor: quantile(times.answers, q) });
      return [
        judge({
          name: 'memory of a stream',
          value: kb,
          floor: null,
          unit: 'kB',
          target: { at_most: 100 },
          cpu: idle,
        }),
        judge({ name: 'change to event, p50', ...at(0.5), unit: 'ms', target: { at_most: 4 }, cpu }),
        judge({ name: 'change to event, p99', ...at(0.99), unit: 'ms', target: { at_most: 4 } }),
      ];
    } finally {
      await stack.stop();
    }
  },
};

/** Each with an image that waits, to be canceled. */
async function makeListeners(stack: BenchStack, url: string, count: number): Promise<Listener[]> {
  const listeners: Listener[] = [];
  for (let n = 0; n < count; n++) {
    const { token } = await stack.createUser();
    const answer = await fetch(`${url}/ai/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ prompt: 'A red bicycle' }),
    });
    const { id } = (await answer.json()) as { id: string };
    listeners.push({ token, imageId: id });
  }
  return listeners;
}

function readResident(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1_024;
}

function shareOf(shares: Record<string, number>, name: string): string {
  const [, share = 0] = Object.entries(shares).find(([who]) => who.startsWith(name)) ?? [];
  return share.toFixed(2);
}
