import assert from 'node:assert/strict';
import test from 'node:test';
import { createWriteAhead } from '../../src/api/write-ahead.ts';

/** A database whose calls end when they are told to. */
function createCalls() {
  const calls: { page: number; end: () => void; fail: (error: Error) => void }[] = [];
  const add = (page: number) =>
    new Promise<void>((resolve, reject) => {
      calls.push({ page, end: resolve, fail: reject });
    });
  return { calls, pages: createWriteAhead(add) };
}
const turn = () => new Promise(setImmediate);

test('two pages are written at once, and a third when one of them is done', async () => {
  const { calls, pages } = createCalls();
  await pages.write(1);
  const second = pages.write(2).then(() => pages.write(3));
  await turn();
  assert.deepEqual(
    calls.map(({ page }) => page),
    [1, 2],
  );

  calls[1]?.end();
  await turn();
  assert.equal(calls.length, 3);
  for (const { end } of calls) end();
  await second;
  await pages.end();
});

test('a failure ends it: nothing more is written, and it is told once all calls are over', async () => {
  const { calls, pages } = createCalls();
  await pages.write(1);
  const second = pages.write(2);
  calls[0]?.fail(new Error('refused'));
  await second;

  await assert.rejects(pages.write(3), /refused/);
  let settled = false;
  const settling = pages.settle().then(() => {
    settled = true;
  });
  await turn();
  assert.equal(settled, false, 'the second page is still on its way');
  calls[1]?.end();
  await settling;
  await assert.rejects(pages.end(), /refused/);
  assert.equal(calls.length, 2);
});
