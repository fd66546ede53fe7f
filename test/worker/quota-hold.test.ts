import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quotaHold, secondsToMidnightPacific } from '../../src/worker/quota-hold.ts';

const hours = (count: number) => count * 3_600;

describe('midnight in Pacific time is', () => {
  const cases: [what: string, now: string, seconds: number][] = [
    ['a day away at midnight in winter', '2026-12-01T08:00:00Z', hours(24)],
    ['a second away just before it in summer', '2026-07-02T06:59:59Z', 1],
    ['eight hours away at 16:00', '2026-07-02T23:00:00Z', hours(8)],
    ['23 hours away as the day begins on which an hour is skipped', '2026-03-08T08:00:00Z', hours(23)],
    ['22.5 hours away half an hour later', '2026-03-08T08:30:00Z', hours(22.5)],
    ['21 hours away once the hour was skipped', '2026-03-08T10:00:00Z', hours(21)],
    ['25 hours away as the day begins on which an hour comes twice', '2026-11-01T07:00:00Z', hours(25)],
    ['23.5 hours away the first time that it is 01:30', '2026-11-01T08:30:00Z', hours(23.5)],
    ['22.5 hours away the second time', '2026-11-01T09:30:00Z', hours(22.5)],
    ['half an hour away at the end of that day', '2026-11-02T07:30:00Z', hours(0.5)],
  ];
  for (const [what, now, seconds] of cases) {
    test(what, () => assert.equal(secondsToMidnightPacific(new Date(now)), seconds));
  }
});

test('RetryInfo says how long a hold is, and chance makes it a tenth longer at most', () => {
  const { scope, seconds } = quotaHold('a-model', '', [{ retryDelay: '1.5s' }], new Date());

  assert.equal(scope, 'model:a-model');
  assert.ok(seconds >= 1.5 && seconds <= 1.65, String(seconds));
});

for (const retryDelay of ['soon', '-3s', 27, null]) {
  test(`a RetryInfo of ${JSON.stringify(retryDelay)} is none`, () => {
    const { seconds } = quotaHold('a-model', '', [{ retryDelay }], new Date());

    assert.ok(seconds >= 60 && seconds <= 66, String(seconds));
  });
}

test('violations that are not as documented do no harm', () => {
  const details = [{ violations: [null, 'text', { quotaId: 7 }] }, { violations: {} }];

  assert.equal(quotaHold('a-model', '', details, new Date()).scope, 'model:a-model');
});

test('a RetryInfo of nothing is a hold of a second all the same', () => {
  const { seconds } = quotaHold('a-model', '', [{ retryDelay: '0s' }], new Date());

  assert.ok(seconds >= 1, String(seconds));
});
