import { type Command, Option } from 'commander';
import { usageError } from './exit-codes.ts';

const MOST_AT_ONCE = 64;

export type FollowOptions = { wait?: true; out?: string; concurrency: number };

/** Of commands that stay with a batch until it has ended. */
export function addFollowOptions(command: Command): Command {
  command
    .option('--wait', 'until all of its images have ended')
    .option('--out <folder>', 'save each image there as soon as it is made; waits for all');
  return addConcurrencyOption(command);
}

export function addConcurrencyOption(command: Command): Command {
  return command.addOption(
    new Option('--concurrency <n>', 'images that are fetched at a time')
      .argParser(readConcurrency)
      .default(8),
  );
}

function readConcurrency(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= 1 && n <= MOST_AT_ONCE) return n;
  throw usageError(`--concurrency is a number from 1 to ${MOST_AT_ONCE}.`);
}
