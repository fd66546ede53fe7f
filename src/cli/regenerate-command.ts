import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { addImageOptions, readImageOptions } from './image-fields.ts';
import type { Run } from './run-command.ts';
import { type SubmitOptions, showSubmitted } from './submit-command.ts';

export function addRegenerateCommand(program: Command, run: Run): void {
  const command = program
    .command('regenerate')
    .summary('make an image again')
    .description('Makes a new image of the same request, with what the options change.')
    .argument('<id>', 'of an image')
    .option('--prompt <text>', 'another prompt');
  addImageOptions(command)
    .option('--wait', 'until it has ended')
    .option('--out <path>', 'save the image as this file, or in this folder; waits for it')
    .option('--idempotency-key <key>', 'the same key makes the same image, for a day')
    .addHelpText('after', '\nExample:\n  darkroom regenerate $id --style anime --out again.png')
    .action((id: string, options: Omit<SubmitOptions, 'dryRun'> & { prompt?: string }) =>
      run(command, async (cli) => {
        const { prompt, idempotencyKey = randomUUID() } = options;
        const changes = { ...readImageOptions(options), ...(prompt !== undefined && { prompt }) };
        cli.mayBeFoundBy(
          `It may have been accepted: the same command with --idempotency-key ${idempotencyKey} finds it, and makes no other.`,
        );
        return showSubmitted(
          cli,
          await cli.client.regenerate(id, changes, { ...cli.call, idempotencyKey }),
          options,
        );
      }),
    );
}
