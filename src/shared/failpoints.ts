import { writeSync } from 'node:fs';
import { z } from 'zod';

/** Where a process can be told to die or to stand still, for the tests of what that leaves behind. */
const FAILPOINTS = [
  'api.after_insert',
  'api.before_answer',
  'api.after_batch_page',
  'api.after_batch_seal',
  'release.before_enqueue',
  'worker.after_claim',
  'worker.before_call',
  'worker.after_call',
  'worker.after_upload',
  'worker.after_complete',
] as const;
export type FailpointName = (typeof FAILPOINTS)[number];

/** Kills or blocks the process if it is to happen here. `prompt` is what a point's `@word` looks into. */
export type Failpoint = (name: FailpointName, prompt?: string) => void;

const pointSchema = z.object({
  name: z.enum(FAILPOINTS),
  times: z.coerce.number().int().positive().default(1),
  word: z.string().optional(),
  blockMs: z.coerce.number().int().positive().optional(),
});
const POINT = /^(?<name>[a-z._]+)(?:\*(?<times>\d+))?(?:@(?<word>[^\s:]+))?(?::block=(?<blockMs>\d+))?$/;
const STDERR = 2;

const pointsSchema = z
  .string()
  .default('')
  .transform((text): unknown[] => text.split(',').filter(Boolean).map(readPoint))
  .pipe(z.array(z.unknown().pipe(pointSchema)));

function readPoint(text: string): unknown {
  return { ...POINT.exec(text.trim())?.groups };
}

/** For the schema of a process, to be joined by `and`: no production process can be told to die. */
export const failpointConfig = z.object({ NODE_ENV: z.string().optional(), FAILPOINTS: pointsSchema }).refine(
  // Looked at as it came, so that it is told beside a name that is none of the points.
  (env: { NODE_ENV?: unknown; FAILPOINTS?: unknown }) => env.NODE_ENV === 'test' || isUnset(env.FAILPOINTS),
  { path: ['FAILPOINTS'], error: 'is for tests, with NODE_ENV=test', when: () => true },
);

function isUnset(failpoints: unknown): boolean {
  return failpoints === undefined || (Array.isArray(failpoints) && failpoints.length === 0);
}

/**
 * Reads `name[*n][@word][:block=ms],…`: at its n-th pass (1), counting only those of prompts with the word, a point kills
 * its process as kill -9 does, after one line on stderr. With `:block=ms` it only blocks the event loop, once for so many
 * milliseconds, as a long computation does.
 */
export function createFailpoint(chosen: z.output<typeof pointsSchema>): Failpoint {
  const left = chosen.map((point) => ({ ...point }));
  return (name, prompt = '') => {
    for (const point of left) {
      if (point.name !== name || !prompt.includes(point.word ?? '')) continue;
      point.times -= 1;
      if (point.blockMs === undefined ? point.times <= 0 : point.times === 0) act(point);
    }
  };
}

function act({ name, blockMs }: { name: FailpointName; blockMs?: number | undefined }): void {
  writeSync(STDERR, `${blockMs === undefined ? 'died' : 'blocked'} at ${name}\n`);
  if (blockMs === undefined) process.kill(process.pid, 'SIGKILL');
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
}
