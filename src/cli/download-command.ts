import type { Command } from 'commander';
import { findById } from './find-by-id.ts';
import { addConcurrencyOption } from './follow-options.ts';
import { followToEnd } from './follow-to-end.ts';
import type { Run } from './run-command.ts';
import { waitForImage } from './take-image.ts';

export function addDownloadCommand(program: Command, run: Run): void {
  const command = program
    .command('download')
    .summary('save an image, or those of a batch')
    .description('Waits for an image, or for those of a batch, and saves what is not saved yet.')
    .argument('<id>', 'of an image or a batch')
    .requiredOption('--out <path>', 'a folder; of one image also a file');
  addConcurrencyOption(command)
    .addHelpText(
      'after',
      `
Examples:
  darkroom download 0198c0ff-ee00-7000-8000-000000000001 --out harbour.png
  darkroom download $batch --out images`,
    )
    .action((id: string, { out, concurrency }: { out: string; concurrency: number }) =>
      run(command, async (cli) => {
        const found = await findById(cli, id);
        cli.resumeBy('To go on, run the same command again.');
        if ('batch' in found) return followToEnd(cli, found.batch, { out, concurrency });
        return waitForImage(cli, id, out);
      }),
    );
}
