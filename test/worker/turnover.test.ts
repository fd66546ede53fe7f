import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurnover } from '../../src/shared/turnover.ts';

function createClocked() {
  let now = 0;
  const turnover = createTurnover(() => now);
  const endJobs = (count: number, everyMs: number) => {
    for (let job = 0; job < count; job += 1) {
      now += everyMs;
      turnover.jobEnded();
    }
  };
  return {
    turnover,
    endJobs,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test('nothing is ahead before a job has ended', () => {
  assert.equal(createClocked().turnover.ahead(), 0);
});

test('as many are ahead as end in 120 ms at the present rate', () => {
  const { turnover, endJobs } = createClocked();
  endJobs(2_000, 5);
  assert.equal(turnover.ahead(), 24);
});

test('images of seconds ask for nothing, though all slots end together', () => {
  const { turnover, endJobs, pass } = createClocked();
  for (let round = 0; round < 20; round += 1) {
    pass(5_000);
    endJobs(16, 0);
    assert.ok(turnover.ahead() <= 2);
  }
});

test('a rate that is over is soon forgotten', () => {
  const { turnover, endJobs, pass } = createClocked();
  endJobs(2_000, 5);
  pass(5_000);
  assert.equal(turnover.ahead(), 0);
});
