import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailpointName } from '../../src/shared/failpoints.ts';
import { createFailpoint } from '../../src/shared/failpoints.ts';
import { startFaultProcess } from './fault-process.ts';

describe('a process that is told to die somewhere', { concurrency: true }, () => {
  for (const what of ['api', 'worker'] as const) {
    it(`refuses to start as ${what} outside of tests, and tells that beside all other problems`, async () => {
      for (const env of [{}, { NODE_ENV: 'production' }]) {
        const refused = startFaultProcess(what, {
          ...env,
          FAILPOINTS: 'worker.after_upload',
          LOG_LEVEL: 'loud',
        });

        assert.deepEqual(await refused.ended, { code: 1, signal: null });
        assert.match(refused.stderr(), /^ {2}FAILPOINTS: is for tests/m);
        assert.match(refused.stderr(), /^ {2}LOG_LEVEL: /m);
        assert.deepEqual(refused.lines, []);
      }
    });

    it(`refuses a point that does not exist, as ${what}`, async () => {
      const refused = startFaultProcess(what, { NODE_ENV: 'test', FAILPOINTS: 'worker.after_lunch' });

      assert.equal((await refused.ended).code, 1);
      assert.match(refused.stderr(), /^ {2}FAILPOINTS\.0\.name: /m);
    });
  }

  it('lives through all points that it was not told of', () => {
    const pass = createFailpoint([{ name: 'worker.after_call', times: 2, word: 'poison' }]);
    const others: [FailpointName, string][] = [
      ['worker.before_call', 'poison'],
      ['worker.after_call', 'water'],
      ['worker.after_call', 'poison, for the first time'],
    ];
    for (const [name, prompt] of others) pass(name, prompt);
  });
});
