import { readFileSync, writeFileSync } from 'node:fs';
import { startBenchStack } from '../bench-stack.ts';
import { logged } from '../child.ts';
import { judge } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { seedWaiting } from '../seed-rows.ts';
import { waitUntilEnded } from './worker.ts';

const IN_FLIGHT = 64;
const IMAGE_BYTES = 12 * 1024 * 1024;
const MB = 1_000_000;

export const memory: Scenario = {
  name: 'memory',
  about: `a worker with ${IN_FLIGHT} images of 12 MB in flight, beside itself when idle`,
  async run({ quick }, say) {
    const stack = await startBenchStack();
    try {
      await stack.setGemini({ bytes: IMAGE_BYTES });
      const worker = await stack.startWorker({ WORKER_CONCURRENCY: `${IN_FLIGHT}`, WORKER_PORT: '0' });
      const { url } = await worker.read(logged('worker.listening'));
      await seedWaiting(stack, { count: 4, users: 4 });
      await waitUntilEnded(stack);
      resetPeak(worker.pid);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const idle = readPeak(worker.pid);

      await stack.sql('truncate public.generated_images, public.lanes, public.generation_events');
      resetPeak(worker.pid);
      await readStallMs(String(url));
      await seedWaiting(stack, { count: quick ? IN_FLIGHT : IN_FLIGHT * 4, users: 8 });
      let stallMs = 0;
      const watch = setInterval(async () => {
        stallMs = Math.max(stallMs, await readStallMs(String(url)));
      }, 1_000);
      await stack.readShares();
      await waitUntilEnded(stack);
      clearInterval(watch);
      stallMs = Math.max(stallMs, await readStallMs(String(url)));
      const cpu = await stack.readShares();
      const busy = readPeak(worker.pid);
      say(`memory: ${(idle / MB).toFixed(0)} MB idle, ${(busy / MB).toFixed(0)} MB at most`);
      return [
        judge({
          name: 'memory added',
          value: (busy - idle) / MB,
          floor: null,
          unit: 'MB',
          target: { at_most: 250 },
          cpu,
        }),
        judge({
          name: 'event-loop stall',
          value: stallMs,
          floor: null,
          unit: 'ms',
          target: { at_most: 300 },
        }),
      ];
    } finally {
      await stack.stop();
    }
  },
};

/** proc(5): from now on VmHWM is the most that is resident from now on. */
function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function readPeak(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1_024;
}

/** The longest since the scrape before. A kept connection may be closed just as it is used again, when the worker is slow. */
async function readStallMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
  return Number(/^nodejs_eventloop_lag_max_seconds ([0-9.e+-]+)$/m.exec(text)?.[1] ?? 0) * 1_000;
}
