import { globSync, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';

/** The part of the tests that a command line asks for. */
export type Selection = { files: string[]; testNamePatterns: string[] };

/**
 * Reads arguments: those that are files or folders choose files (none: all test files), the others choose tests by
 * name.
 */
export function selectTests(args: string[]): Selection {
  const all = globSync('test/**/*.test.ts')
    .sort()
    .map((file) => resolve(file));
  const paths = args.filter((arg) => statSync(arg, { throwIfNoEntry: false })).map((arg) => resolve(arg));
  const names = args.filter((arg) => !paths.includes(resolve(arg)));
  const isChosen = (file: string) => paths.some((path) => file === path || file.startsWith(path + sep));
  return {
    files: paths.length === 0 ? all : all.filter(isChosen),
    // As text: in a pattern of the runner's a bracket or a dot of a test's name would mean something else.
    testNamePatterns: names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')),
  };
}
