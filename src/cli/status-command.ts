import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { findById } from './find-by-id.ts';
import type { Run } from './run-command.ts';
import { printBatch } from './show-batch.ts';
import { printEvents } from './show-events.ts';
import { printImage } from './show-image.ts';

export function addStatusCommand(program: Command, run: Run): void {
  const command = program
    .command('status')
    .summary('show an image or a batch')
    .description('Shows an image or a batch as it is now.')
    .argument('<id>', 'of an image or a batch')
    .option('--events', 'what happened to the image, transition by transition')
    .addHelpText(
      'after',
      `
Examples:
  darkroom status 0198c0ff-ee00-7000-8000-000000000001
  darkroom status $id --events
  darkroom status $batch --json | jq .counts`,
    )
    .action((id: string, { events }: { events?: true }) =>
      run(command, async (cli) => {
        if (events) {
          await printEvents(cli, await cli.client.imageEvents(id, cli.call));
          return EXIT.ok;
        }
        const found = await findById(cli, id);
        if ('image' in found) await printImage(cli, found.image);
        else await printBatch(cli, found.batch);
        return EXIT.ok;
      }),
    );
}
