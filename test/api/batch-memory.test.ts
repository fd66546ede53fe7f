import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { startTestStack, type TestStack } from '../support/test-stack.ts';
import { startApiProcess } from './api-process.ts';

let stack: TestStack;
before(async () => {
  stack = await startTestStack();
});
after(() => stack.stop());

it('a batch that is a file of 80 MB is never in memory as a whole', async () => {
  const own = startApiProcess({ ...stack.env, LOG_LEVEL: 'info' });
  const { token } = await stack.createUser();
  const { url: ownUrl } = await own.line('api.started');
  const line = `${JSON.stringify({ prompt: `A harbour ${'with boats '.repeat(365)}` })}\n`;
  const send = async (count: number) => {
    const answer = await fetch(`${ownUrl}/ai/batches?dry_run=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
      body: ReadableStream.from(repeated(Buffer.from(line.repeat(100)), count / 100)),
      duplex: 'half',
    } as RequestInit);
    assert.equal(answer.status, 200);
    return (await answer.json()) as { images: number };
  };
  // As much as a process needs for any file; what is kept of one would still be 16,000 lines more with the next.
  await send(4_000);
  const before = peakOf(own.pid);

  const { images } = await send(20_000);

  const grown = peakOf(own.pid) - before;
  await own.stop();
  assert.equal(images, 20_000);
  assert.ok(grown < line.length * 10_000, `${grown} bytes more for a file of ${line.length * 20_000}`);
});

async function* repeated(piece: Buffer, times: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < times; n++) yield piece;
}

/** proc(5): the most that was resident so far, in bytes; 0 off Linux, where nothing is measured. */
function peakOf(pid: number): number {
  if (process.platform !== 'linux') return 0;
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1_024;
}
