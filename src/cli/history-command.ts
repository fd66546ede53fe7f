import { type Command, Option } from 'commander';
import type { HistoryFilter, ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { EXIT, type ExitCode, usageError } from './exit-codes.ts';
import { collect, readPairs } from './image-fields.ts';
import { printList } from './print-list.ts';
import type { Run } from './run-command.ts';
import { imageColumns } from './show-image.ts';

const MOST_A_PAGE = 100;

type HistoryOptions = {
  status?: string;
  dataset?: string;
  batch?: string;
  root?: string;
  user?: string;
  style?: string;
  model?: string;
  metadata?: string[];
  after?: string;
  before?: string;
  query?: string;
  oldest?: true;
  limit: string;
  all?: true;
};

export function addHistoryCommand(program: Command, run: Run): void {
  const command = program
    .command('history')
    .summary('list images')
    .description('Lists images, newest first; with --json a line each, as they come.')
    .option('--status <list>', 'such as succeeded,failed')
    .option('--batch <id>', 'of this batch')
    .option('--dataset <id>', 'made with this dataset')
    .option('--root <id>', 'this image and all that was made from it again')
    .option('--style <style>', 'of this style')
    .option('--model <id>', 'of this model')
    .addOption(new Option('--metadata <key=value>', 'with these; may be given again').argParser(collect))
    .option('--after <time>', 'submitted then or later: 2026-11-27 or 2026-11-27T18:00:00Z')
    .option('--before <time>', 'submitted earlier')
    .option('--query <text>', 'with this in the prompt')
    .option('--user <id>', 'of this user, for admins')
    .option('--oldest', 'oldest first')
    .option('--limit <n>', 'so many at most', '50')
    .option('--all', 'without a limit')
    .addHelpText(
      'after',
      `
Examples:
  darkroom history --status failed,expired --after 2026-11-27
  darkroom history --batch $batch --all --json | jq -r .image_url
  darkroom history --metadata row=17 --query harbour`,
    )
    .action((options: HistoryOptions) => run(command, (cli) => list(cli, options)));
}

async function list(cli: Cli, options: HistoryOptions): Promise<ExitCode> {
  const most = options.all ? Number.POSITIVE_INFINITY : readLimit(options.limit);
  const found = cli.client.history(toFilter(options, most), cli.call);
  await printList<ImageRecord>(cli, found, { most, columns: imageColumns(cli.terminal), noun: 'images' });
  return EXIT.ok;
}

function toFilter(options: HistoryOptions, most: number): HistoryFilter {
  const { status, dataset, batch, root, user, style, model, metadata, after, before, query } = options;
  return {
    limit: Math.min(MOST_A_PAGE, most),
    order: options.oldest ? 'asc' : 'desc',
    ...(status !== undefined && { status: status.split(',').map((one) => one.trim()) }),
    ...(dataset !== undefined && { dataset_id: dataset }),
    ...(batch !== undefined && { batch_id: batch }),
    ...(root !== undefined && { root_id: root }),
    ...(user !== undefined && { user_id: user }),
    ...(style !== undefined && { style }),
    ...(model !== undefined && { model }),
    ...(metadata && { metadata: readPairs(metadata) }),
    ...(after !== undefined && { created_after: readTime(after, '--after') }),
    ...(before !== undefined && { created_before: readTime(before, '--before') }),
    ...(query !== undefined && { q: query }),
  };
}

/** A day is its beginning here, a time without a zone one of this machine. */
export function readTime(text: string, option: string): string {
  const time = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text);
  if (Number.isNaN(time.getTime()))
    throw usageError(`${option}: "${text}" is no time like 2026-11-27T18:00:00Z.`);
  return time.toISOString();
}

export function readLimit(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw usageError(`--limit: "${text}" is no number above 0.`);
}
