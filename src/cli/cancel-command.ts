import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { findById } from './find-by-id.ts';
import type { Run } from './run-command.ts';
import { printBatch } from './show-batch.ts';
import { printImage } from './show-image.ts';

export function addCancelCommand(program: Command, run: Run): void {
  const command = program
    .command('cancel')
    .summary('stop an image or a batch')
    .description(
      'Stops an image, or a batch. What waits is canceled at once and costs nothing; what is being made ends in a moment, and may be billed. What has ended stays as it is.',
    )
    .argument('<id>', 'of an image or a batch')
    .addHelpText('after', '\nExample:\n  darkroom cancel $batch')
    .action((id: string) =>
      run(command, async (cli) => {
        const found = await findById(cli, id);
        if ('image' in found) await printImage(cli, await cli.client.cancel(id, cli.call));
        else await printBatch(cli, await cli.client.batches.cancel(id, cli.call));
        return EXIT.ok;
      }),
    );
}
