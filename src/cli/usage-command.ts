import type { Command } from 'commander';
import type { PopularPrompt, UsageQuestion } from '../client/usage.ts';
import type { Cli } from './cli.ts';
import { EXIT, type ExitCode, usageError } from './exit-codes.ts';
import { readLimit } from './history-command.ts';
import { toPlainLine } from './plain-text.ts';
import { printList } from './print-list.ts';
import type { Run } from './run-command.ts';
import { formatUsd } from './show-batch.ts';
import { printUsage } from './show-usage.ts';

type UsageOptions = {
  by: string;
  from?: string;
  to?: string;
  dataset?: string;
  style?: string;
  model?: string;
  user?: string;
  csv?: true;
  prompts?: true;
  limit: string;
};

export function addUsageCommand(program: Command, run: Run): void {
  const command = program
    .command('usage')
    .summary('tell what was made, and what it has cost')
    .description(
      'Tells how many images were made, how they ended, what they have cost and how long they took.',
    )
    .option(
      '--by <list>',
      'up to three of day, dataset, style, aspect_ratio, quality, model, status, user',
      'day',
    )
    .option('--from <day>', 'the first day (UTC), 29 days before the last without it: 2026-11-27')
    .option('--to <day>', 'the last day, today without it')
    .option('--dataset <id>', 'made with this dataset')
    .option('--style <style>', 'of this style')
    .option('--model <id>', 'of this model')
    .option('--user <id>', 'of this user, for admins')
    .option('--csv', 'as CSV')
    .option('--prompts', 'the prompts that are used most, instead')
    .option('--limit <n>', 'so many prompts at most', '20')
    .addHelpText(
      'after',
      `
Examples:
  darkroom usage
  darkroom usage --by model,status --from 2026-11-01 --to 2026-11-30
  darkroom usage --by day,style --csv > usage.csv
  darkroom usage --prompts --limit 5
  darkroom usage --json | jq .total.cost_usd`,
    )
    .action((options: UsageOptions) => run(command, (cli) => tell(cli, options)));
}

async function tell(cli: Cli, options: UsageOptions): Promise<ExitCode> {
  if (cli.json && options.csv) throw usageError('Either --csv or --json.');
  if (options.prompts) return tellPrompts(cli, options);
  const question = toQuestion(options);
  if (options.csv) {
    const lines = (await cli.client.usageCsv(question, cli.call)).trimEnd().split('\n');
    await cli.terminal.print(...lines.map(toPlainLine));
  } else await printUsage(cli, await cli.client.usage(question, cli.call));
  return EXIT.ok;
}

async function tellPrompts(cli: Cli, { limit, user }: UsageOptions): Promise<ExitCode> {
  const question = { limit: readLimit(limit), ...(user !== undefined && { user_id: user }) };
  await printList<PopularPrompt>(cli, await cli.client.usagePrompts(question, cli.call), {
    noun: 'prompts',
    columns: [
      { title: 'USED', value: ({ count }) => count, align: 'right' },
      { title: 'MADE', value: ({ images }) => images, align: 'right' },
      { title: 'COST', value: ({ cost_usd }) => formatUsd(cost_usd), align: 'right' },
      { title: 'LAST (UTC)', value: ({ last_used_at }) => last_used_at.slice(0, 16).replace('T', ' ') },
      { title: 'PROMPT', value: ({ prompt }) => prompt, flexible: true },
    ],
  });
  return EXIT.ok;
}

function toQuestion({ by, from, to, dataset, style, model, user }: UsageOptions): UsageQuestion {
  return {
    group_by: by.split(',').map((one) => one.trim()),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(dataset !== undefined && { dataset_id: dataset }),
    ...(style !== undefined && { style }),
    ...(model !== undefined && { model }),
    ...(user !== undefined && { user_id: user }),
  };
}
