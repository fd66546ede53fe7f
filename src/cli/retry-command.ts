import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { DarkroomError, type FieldProblem } from '../client/darkroom-error.ts';
import { EXIT } from './exit-codes.ts';
import { addFollowOptions, type FollowOptions } from './follow-options.ts';
import { followToEnd } from './follow-to-end.ts';
import type { Run } from './run-command.ts';
import { printBatch } from './show-batch.ts';

export function addRetryCommand(program: Command, run: Run): void {
  const command = program
    .command('retry')
    .summary('make what failed in a batch again')
    .description('Makes a new batch of copies of the images of a batch that failed or expired.')
    .argument('<batch>');
  addFollowOptions(command)
    .option('--idempotency-key <key>', 'the same key makes the same batch, for a day')
    .addHelpText(
      'after',
      `
Examples:
  darkroom retry $batch --wait --out images
  again=$(darkroom retry $batch --json | jq -r .id)`,
    )
    .action((id: string, options: FollowOptions & { idempotencyKey?: string }) =>
      run(command, async (cli) => {
        const { wait, out, concurrency, idempotencyKey = randomUUID() } = options;
        cli.mayBeFoundBy(
          `It may have been accepted: the same command with --idempotency-key ${idempotencyKey} finds it, and makes no other.`,
        );
        const batch = await cli.client.batches
          .retry(id, { ...cli.call, idempotencyKey })
          .catch(nullIfNothingFailed);
        if (batch === null) {
          cli.terminal.say('Nothing in this batch has failed or expired, so there is nothing to make again.');
          return EXIT.ok;
        }
        cli.resumeBy(`Batch ${batch.id} goes on. To have it: darkroom download ${batch.id} --out <folder>`);
        if (!wait && out === undefined) {
          await printBatch(cli, batch);
          return EXIT.ok;
        }
        cli.terminal.say(`${batch.counts.total} images are made again, as batch ${batch.id}.`);
        return followToEnd(cli, batch, { out: out ?? null, concurrency });
      }),
    );
}

/** That all went well is no failure, also where it is only found out by asking. */
function nullIfNothingFailed(error: unknown): null {
  const isThat = ({ code }: FieldProblem) => code === 'nothing_to_retry';
  if (error instanceof DarkroomError && error.errors.some(isThat)) return null;
  throw error;
}
