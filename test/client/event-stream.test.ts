import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Block, readBlocks } from '../../src/client/event-stream.ts';

/** The text cut into pieces of so many bytes. */
function streamOf(text: string, bytesAtOnce: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += bytesAtOnce)
        controller.enqueue(bytes.slice(at, at + bytesAtOnce));
      controller.close();
    },
  });
}

async function read(text: string, bytesAtOnce = 1_000): Promise<Block[]> {
  const blocks: Block[] = [];
  for await (const block of readBlocks(streamOf(text, bytesAtOnce), 1_000)) blocks.push(block);
  return blocks;
}

const NOTHING = { event: 'message', data: null, id: null, retryMs: null };

it('a stream of events is read the same however it is cut and whatever ends its lines', async () => {
  const text =
    '\uFEFFretry: 10\n\n: a comment\nevent: añ\nid: 1-0\ndata: {"é":1}\n\ndata:a\ndata\ndata: b\n\n';
  const expected = [
    { ...NOTHING, retryMs: 10 },
    { ...NOTHING, event: 'añ', id: '1-0', data: '{"é":1}' },
    { ...NOTHING, data: 'a\n\nb' },
  ];

  for (const end of ['\n', '\r\n', '\r'])
    for (const bytesAtOnce of [1, 2, 3, 7, 1_000])
      assert.deepEqual(await read(text.replaceAll('\n', end), bytesAtOnce), expected);
});

it('an event of which not all has come is none', async () => {
  assert.deepEqual(await read('id: 1\n\ndata: half'), [{ ...NOTHING, id: '1' }]);
});

it('a connection on which nothing comes is dead', async () => {
  const silent = new ReadableStream<Uint8Array>({ start: () => undefined });
  await assert.rejects(readBlocks(silent, 20).next(), /Nothing has come for 20 ms/);
});
