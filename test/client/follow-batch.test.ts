import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createDarkroomClient, type DarkroomClient } from '../../src/client/client.ts';
import { followBatch } from '../../src/client/follow-batch.ts';
import type { HistoryFilter, ImageRecord } from '../../src/client/images.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let stack: TestStack;
let client: DarkroomClient;
before(async () => {
  stack = await startTestStack();
  const { url } = await stack.startApi();
  client = createDarkroomClient({ baseUrl: url, token: (await stack.createUser()).token });
});
after(() => stack.stop());

const SMALL = 'A harbour [[sim:bytes=1024]]';

describe('a batch that is followed', () => {
  it('tells each image once, as it ends, also those that stay behind', async () => {
    await stack.startWorker();
    const key = randomUUID();
    const held = { prompt: `A harbour [[sim:bytes=1024; key=${key}; fault=hold:ok]]`, custom_id: 'held' };
    const lines = [held, ...Array.from({ length: 120 }, (_, n) => ({ prompt: SMALL, custom_id: `${n}` }))];
    const body = new Blob(lines.map((line) => `${JSON.stringify(line)}\n`));
    const { id } = await client.batches.createFromLines(body);

    const told: (string | null)[] = [];
    let looks = 0;
    const onLook = () => {
      looks += 1;
    };
    for await (const { custom_id: one, status } of client.batches.follow(id, { onLook })) {
      assert.equal(status, 'succeeded');
      told.push(one);
      if (told.length === 120) stack.gemini.control.release(key);
    }

    assert.equal(told.at(-1), 'held');
    assert.equal(new Set(told).size, 121);
    assert.ok(looks > 1);
  });

  it('has ended without what was deleted meanwhile', async () => {
    const items = [{ prompt: SMALL }, { prompt: SMALL, custom_id: 'kept' }];
    const { id } = await client.batches.create({ items });
    for await (const image of client.history({ batch_id: id })) {
      if (image.custom_id === null) await client.delete(image.id);
    }

    const told: (string | null)[] = [];
    for await (const image of client.batches.follow(id)) told.push(image.custom_id);

    assert.deepEqual(told, ['kept']);
  });

  it('is read no further than images have ended', async () => {
    const asked: HistoryFilter[] = [];
    const image = (n: number, status: string) => ({ id: `${n}`, status }) as ImageRecord;
    const counts = [
      { total: 1_000, processing: 2, pending: 996 },
      { total: 1_000, processing: 0, pending: 0 },
    ];
    const ask = {
      getBatch: async () => ({ counts: counts.shift() }) as never,
      async *history(filter: HistoryFilter) {
        asked.push(filter);
        if (filter.ids) for (const id of filter.ids) yield image(Number(id), 'succeeded');
        else
          for (let n = 0; n < 1_000; n += 1)
            yield image(n, counts.length > 0 && n !== 0 && n !== 3 ? 'processing' : 'succeeded');
      },
    };

    const told: string[] = [];
    for await (const { id } of followBatch(ask, 'a batch', {})) told.push(id);

    assert.deepEqual(told.slice(0, 4), ['0', '3', '1', '2']);
    assert.equal(new Set(told).size, 1_000);
    assert.deepEqual(
      asked.map(({ ids }) => ids),
      [undefined, ['1', '2']],
    );
  });
});
