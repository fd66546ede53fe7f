import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { ImageRequest } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { addImageOptions, readImageOptions } from './image-fields.ts';
import { formatSeconds } from './progress.ts';
import type { Run } from './run-command.ts';
import { formatUsd } from './show-batch.ts';
import { printImage } from './show-image.ts';
import { toPairs } from './table.ts';
import { waitForImage } from './take-image.ts';

export type SubmitOptions = { wait?: true; out?: string; dryRun?: true; idempotencyKey?: string };

export function addSubmitCommand(program: Command, run: Run): void {
  const command = program
    .command('submit')
    .summary('submit one prompt')
    .description('Submits one prompt, and says its id at once; --wait stays until the image is made.')
    .argument('<prompt>');
  addImageOptions(command)
    .option('--webhook-url <url>', 'where its end is told')
    .option('--wait', 'until it has ended')
    .option('--out <path>', 'save the image as this file, or in this folder; waits for it')
    .option('--dry-run', 'only say what it would cost and how long it would wait')
    .option('--idempotency-key <key>', 'the same key makes the same image, for a day')
    .addHelpText(
      'after',
      `
Examples:
  darkroom submit "A lighthouse at dusk" --aspect-ratio 16:9
  darkroom submit "A lighthouse at dusk" --quality high --out lighthouse.png
  id=$(darkroom submit "A lighthouse" --idempotency-key row-17 --json | jq -r .id)`,
    )
    .action((prompt: string, options: SubmitOptions & { webhookUrl?: string }) =>
      run(command, (cli) => {
        const { webhookUrl } = options;
        const request = {
          ...readImageOptions(options),
          ...(webhookUrl && { webhook_url: webhookUrl }),
          prompt,
        };
        return options.dryRun ? estimate(cli, request) : submit(cli, request, options);
      }),
    );
}

async function submit(cli: Cli, request: ImageRequest, options: SubmitOptions): Promise<ExitCode> {
  const idempotencyKey = options.idempotencyKey ?? randomUUID();
  cli.mayBeFoundBy(
    `It may have been accepted: the same command with --idempotency-key ${idempotencyKey} finds it, and makes no other.`,
  );
  const image = await cli.client.submit(request, { ...cli.call, idempotencyKey });
  return showSubmitted(cli, image, options);
}

/** What was just accepted: waited for if that is asked for, shown in any case. */
export async function showSubmitted(
  cli: Cli,
  image: Awaited<ReturnType<Cli['client']['submit']>>,
  { wait, out }: Pick<SubmitOptions, 'wait' | 'out'>,
): Promise<ExitCode> {
  cli.resumeBy(`It goes on. To have it: darkroom download ${image.id} --out <path>`);
  if (wait || out !== undefined) return waitForImage(cli, image.id, out);
  await printImage(cli, image);
  return EXIT.ok;
}

async function estimate(cli: Cli, request: ImageRequest): Promise<ExitCode> {
  const found = await cli.client.estimate(request, cli.call);
  if (cli.json) await cli.terminal.printJson(found);
  else
    await cli.terminal.print(
      ...toPairs([
        ['estimate', formatUsd(found.estimated_cost_usd)],
        ['place', found.queue_position],
        ['about', found.eta_seconds === null ? null : formatSeconds(found.eta_seconds)],
      ]),
    );
  return EXIT.ok;
}
