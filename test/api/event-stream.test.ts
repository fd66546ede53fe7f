import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import type { Response } from 'express';
import { createEventStream, type EventNews } from '../../src/api/events/event-stream.ts';

/** An answer whose client takes what it is sent only when it is told to. */
function slowAnswer() {
  const written: string[] = [];
  const answer = Object.assign(new EventEmitter(), {
    written,
    isFull: false,
    isDestroyed: false,
    write(text: string) {
      written.push(text);
      return !answer.isFull;
    },
    end: (text: string) => void written.push(text),
    destroy: () => {
      answer.isDestroyed = true;
    },
    take() {
      answer.isFull = false;
      answer.emit('drain');
    },
  });
  return answer;
}

function open(filter = { imageId: null as string | null, batchId: null as string | null }) {
  const answer = slowAnswer();
  const cuts: string[] = [];
  const stream = createEventStream(answer as unknown as Response, {
    audience: 'user:1',
    filter,
    onSent: () => undefined,
    onCut: (reason) => cuts.push(reason),
  });
  return { answer, cuts, stream };
}

const news = (id: string, version: number, position: string | null = null): EventNews => ({
  about: id,
  imageId: id,
  batchId: null,
  version,
  event: 'image.updated',
  position,
  data: () => ({ id, version }),
});
const sent = ({ written }: { written: string[] }) =>
  written.flatMap((text) => {
    const data = /^data: (.*)$/m.exec(text)?.[1];
    if (!data) return [];
    const { id, version } = JSON.parse(data);
    return [`${id}${version}`];
  });

describe('a stream', () => {
  it('tells what came before it began behind what it begins with, and nothing older than that', () => {
    const { answer, stream } = open();
    stream.tell(news('a', 1));
    stream.tell(news('b', 3));

    stream.begin([news('a', 2), news('b', 2)], '5-0', null);

    assert.deepEqual(sent(answer), ['a2', 'b3']);
  });

  it('tells each version once, whatever order they come in', () => {
    const { answer, stream } = open();
    stream.begin([], '5-0', null);

    for (const version of [1, 2, 1, 2, 3]) stream.tell(news('a', version));

    assert.deepEqual(sent(answer), ['a1', 'a2', 'a3']);
  });

  it('gives the position with the last of what it begins with, and alone if that is nothing', () => {
    const one = open();
    one.stream.begin([news('a', 1), news('b', 1)], '5-0', null);
    const none = open();
    none.stream.begin([], '5-0', null);

    assert.deepEqual(
      one.answer.written.map((text) => /^id: (.*)$/m.exec(text)?.[1]),
      [undefined, '5-0'],
    );
    assert.deepEqual(none.answer.written, ['id: 5-0\n\n']);
  });

  it('keeps only the latest of each image for a client that is slow, in the order of their positions', () => {
    const { answer, stream } = open();
    stream.begin([], '5-0', null);
    answer.isFull = true;
    stream.tell(news('a', 1, '6-0'));
    for (const [id, version, position] of [
      ['a', 2, '7-0'],
      ['b', 1, '8-0'],
      ['a', 3, '9-0'],
    ] as const)
      stream.tell(news(id, version, position));

    answer.take();

    assert.deepEqual(sent(answer), ['a1', 'b1', 'a3']);
  });

  it('is cut off when its client is too far behind', () => {
    const { answer, cuts, stream } = open();
    stream.begin([], '5-0', null);
    answer.isFull = true;

    for (let n = 0; n <= 2_001; n++) stream.tell(news(`image-${n}`, 1));

    assert.deepEqual([cuts, answer.isDestroyed], [['behind'], true]);
  });

  it('is cut off when its client has taken nothing for too long, and not while it takes', () => {
    const { answer, cuts, stream } = open();
    stream.begin([], '5-0', null);
    stream.beat(0, null);
    answer.isFull = true;
    stream.tell(news('a', 1));
    stream.beat(10_000, null);
    assert.deepEqual(cuts, []);

    stream.beat(-1, null);

    assert.deepEqual([cuts, answer.isDestroyed], [['stalled'], true]);
  });

  it('waits for no client that takes nothing when it ends', () => {
    const quick = open();
    quick.stream.begin([], '5-0', null);
    const slow = open();
    slow.stream.begin([], '5-0', null);
    slow.answer.isFull = true;
    slow.stream.tell(news('a', 1));

    for (const { stream } of [quick, slow]) stream.end(1_000);

    assert.deepEqual([quick.answer.written.at(-1), quick.answer.isDestroyed], ['retry: 1000\n\n', false]);
    assert.equal(slow.answer.isDestroyed, true);
  });

  it('is about what it was asked for', () => {
    const image = open({ imageId: 'a', batchId: null }).stream;
    const batch = open({ imageId: null, batchId: 'x' }).stream;

    assert.deepEqual([image.mayWant('a'), image.mayWant('b'), batch.mayWant('b')], [true, false, true]);
    assert.equal(batch.isNews({ id: 'b', batch_id: 'x', status_sequence: 1 }), true);
    assert.equal(batch.isNews({ id: 'b', batch_id: null, status_sequence: 1 }), false);
  });
});
