import { relative, resolve } from 'node:path';
import type { run } from 'node:test';

type TestEvent = {
  name: string;
  nesting: number;
  file?: string;
  line?: number;
  column?: number;
  skip?: string | boolean;
  todo?: string | boolean;
  details?: { type?: string; error?: { failureType?: string } };
};

/** What a run came to. `problems` names, one a line, what failed without the runner calling it a failure. */
export type Tally = { passed: number; failed: number; problems: string[] };

/**
 * Counts a run by the runner's events. Nothing can silently not run: a test that was skipped, marked as to do, begun
 * and never ended, and a file without any test all count as failed.
 */
export function createTally(events: ReturnType<typeof run>): {
  finish(options: { files: string[]; expectTests: boolean }): Tally;
} {
  let passed = 0;
  let failed = 0;
  const problems: string[] = [];
  const reportedFiles = new Set<string>();
  const begun = new Map<string, string>();

  const fail = (problem: string) => {
    failed++;
    problems.push(problem);
  };

  function count(event: TestEvent, outcome: 'passed' | 'failed'): void {
    if (event.details?.type === 'suite') {
      // A suite fails with its tests, which are counted; but also alone, when its own code throws.
      if (outcome === 'failed' && event.details.error?.failureType !== 'subtestsFailed') failed++;
      return;
    }
    // A file that fails as a whole has been counted; it need not be named again for having no tests.
    if (!isFile(event) || outcome === 'failed') reportedFiles.add(event.file ?? '');
    if (isSet(event.skip)) fail(`skipped: ${describe(event)}`);
    else if (isSet(event.todo)) fail(`marked as to do: ${describe(event)}`);
    else if (outcome === 'failed') failed++;
    else if (!isFile(event)) passed++;
  }

  events.on('test:dequeue', (event: TestEvent) => {
    if (!isFile(event)) begun.set(keyOf(event), describe(event));
  });
  events.on('test:complete', (event: TestEvent) => begun.delete(keyOf(event)));
  events.on('test:pass', (event: TestEvent) => count(event, 'passed'));
  events.on('test:fail', (event: TestEvent) => count(event, 'failed'));

  return {
    finish({ files, expectTests }) {
      for (const test of begun.values()) fail(`begun, never ended: ${test}`);
      for (const file of expectTests ? files : []) {
        if (!reportedFiles.has(file)) fail(`no test ran in ${relative('', file)}`);
      }
      if (passed + failed === 0) fail('no test ran');
      return { passed, failed, problems };
    },
  };
}

/** The runner reports a whole file as a test too, under the name of the file. */
function isFile({ name, nesting, file }: TestEvent): boolean {
  return nesting === 0 && file !== undefined && resolve(name) === file;
}

function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}

function describe({ name, file = '', line }: TestEvent): string {
  return `${name} (${relative('', file)}:${line})`;
}

function keyOf({ file, line, column, name, nesting }: TestEvent): string {
  return JSON.stringify([file, line, column, nesting, name]);
}
