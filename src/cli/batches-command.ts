import type { Command } from 'commander';
import type { BatchRecord } from '../client/batches.ts';
import { EXIT } from './exit-codes.ts';
import { readLimit } from './history-command.ts';
import { printList } from './print-list.ts';
import type { Run } from './run-command.ts';
import { describeCounts, formatUsd } from './show-batch.ts';
import { paintStatus } from './show-image.ts';

export function addBatchesCommand(program: Command, run: Run): void {
  const command = program
    .command('batches')
    .summary('list batches')
    .description('Lists batches, newest first; with --json a line each.')
    .option('--limit <n>', 'so many at most', '20')
    .addHelpText(
      'after',
      `
Examples:
  darkroom batches
  darkroom batches --json | jq -r 'select(.status == "processing").id'`,
    )
    .action(({ limit }: { limit: string }) =>
      run(command, async (cli) => {
        await printList<BatchRecord>(cli, cli.client.batches.list(cli.call), {
          most: readLimit(limit),
          noun: 'batches',
          columns: [
            { title: 'BATCH', value: ({ id }) => id },
            {
              title: 'STATUS',
              value: ({ status }) => status,
              paint: (text) => paintStatus(cli.terminal, text),
            },
            { title: 'CREATED (UTC)', value: ({ created_at }) => created_at.slice(0, 16).replace('T', ' ') },
            { title: 'COST', value: ({ cost_usd }) => formatUsd(cost_usd), align: 'right' },
            { title: 'NAME', value: ({ name }) => name, flexible: true },
            { title: 'IMAGES', value: describeCounts, flexible: true },
          ],
        });
        return EXIT.ok;
      }),
    );
}
