import { type Command, Option } from 'commander';
import type { BatchRecord } from '../client/batches.ts';
import { openBatchState } from './batch-state.ts';
import type { Cli } from './cli.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { addFollowOptions, type FollowOptions } from './follow-options.ts';
import { followToEnd } from './follow-to-end.ts';
import { addImageOptions, readImageOptions } from './image-fields.ts';
import { type PreparedBatch, withPreparedBatch } from './prepared-batch.ts';
import { KINDS, type Kind, openPromptFile } from './prompt-file.ts';
import type { Run } from './run-command.ts';
import { formatUsd, printBatch } from './show-batch.ts';
import { submitOnce } from './submit-once.ts';
import { toPairs } from './table.ts';

type BatchOptions = FollowOptions & {
  input?: Kind;
  delimiter?: string;
  name?: string;
  webhookUrl?: string;
  dryRun?: true;
  new?: true;
};

export function addBatchCommand(program: Command, run: Run): void {
  const command = program
    .command('batch')
    .summary('submit a file of prompts')
    .description(
      'Submits a file of up to 100,000 prompts as one batch: all of it, or nothing if anything in it is wrong.',
    )
    .argument('<file>', 'the prompts; - for stdin');
  addImageOptions(command);
  addFollowOptions(command)
    .addOption(new Option('--input <kind>', 'what is in the file, if its name does not tell').choices(KINDS))
    .option('--delimiter <character>', 'between columns; , without it')
    .option('--name <name>', 'of the batch; that of the file without it')
    .option('--webhook-url <url>', 'where the end of the batch is told')
    .option('--dry-run', 'only say what it would cost')
    .option('--new', 'another batch, though this file was submitted before')
    .addHelpText(
      'after',
      `
The file:
  .csv, .tsv  a line of titles, then a row an image. A column is a field of a
              request (prompt, custom_id, style, aspect_ratio, ...) or
              metadata.<key>; reference_images are separated by |
  .ndjson     a JSON object of the same fields a line
  .txt        a prompt a line
Options of a request (--style, --dataset, ...) are for rows that say nothing
else. A row without a custom_id is called line-<n>; images are saved by it.

Again:
  The same file is one batch, however often it is submitted: for a day, and with
  --out for as long as that folder keeps its .darkroom. So after Ctrl-C, a crash
  or a broken network run the same command again, and it goes on where it was.
  --new submits the file once more.

Examples:
  darkroom batch prompts.csv --dry-run
  darkroom batch prompts.csv --style watercolor --wait --out images
  jq -c '.rows[]' export.json | darkroom batch - --input ndjson --json`,
    )
    .action((path: string, options: BatchOptions) =>
      run(command, (cli) => {
        const { input: kind, delimiter } = options;
        const file = openPromptFile(path, { kind, delimiter, stdin: cli.stdin });
        return withPreparedBatch(file, readImageOptions(options), (prepared) =>
          options.dryRun ? estimate(cli, prepared) : submit(cli, prepared, path, options),
        );
      }),
    );
}

async function submit(
  cli: Cli,
  prepared: PreparedBatch,
  path: string,
  options: BatchOptions,
): Promise<ExitCode> {
  const { out, webhookUrl } = options;
  const state = out === undefined ? null : await openBatchState(out, prepared.name);
  const batch = await submitOnce(cli, prepared, {
    name: options.name ?? (path === '-' ? undefined : prepared.name),
    webhookUrl,
    state,
    isNew: options.new ?? false,
  });
  if (!options.wait && out === undefined) {
    await printBatch(cli, batch);
    return EXIT.ok;
  }
  cli.resumeBy(`Batch ${batch.id} goes on. To go on with it, run the same command again.`);
  announce(cli, batch, prepared);
  return followToEnd(cli, batch, { out: out ?? null, concurrency: options.concurrency });
}

function announce({ terminal }: Cli, batch: BatchRecord, { name }: PreparedBatch): void {
  const { total, pending, processing } = batch.counts;
  const ended = total - pending - processing;
  const before = ended > 0 ? `, of which ${ended} have ended` : '';
  terminal.say(`${name} is batch ${batch.id} of ${total} images${before}.`);
}

async function estimate(cli: Cli, prepared: PreparedBatch): Promise<ExitCode> {
  const found = await cli.client.batches.estimate(prepared.lines, cli.call).catch((error: unknown) => {
    throw prepared.tellLines(error);
  });
  if (cli.json) await cli.terminal.printJson(found);
  else
    await cli.terminal.print(
      ...toPairs([
        ['images', found.images],
        ['estimate', formatUsd(found.estimated_cost_usd)],
      ]),
    );
  return EXIT.ok;
}
