import type { Command } from 'commander';
import type { QueueState, WorkerList } from '../client/admin.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit-codes.ts';
import { readTime } from './history-command.ts';
import type { Run } from './run-command.ts';

const NEEDS_ADMIN = '\nNeeds an admin’s DARKROOM_TOKEN.';

/** What operators do. */
export function addAdminCommands(program: Command, run: Run): void {
  const workers = program
    .command('workers')
    .summary('list the workers')
    .description('Lists the workers, those that beat last first.')
    .addHelpText('after', `${NEEDS_ADMIN}\n\nExample:\n  darkroom workers --json | jq .slots`)
    .action(() =>
      run(workers, async (cli) => {
        await printWorkers(cli, await cli.client.admin.workers(cli.call));
        return EXIT.ok;
      }),
    );

  const pause = program
    .command('pause')
    .summary('start no more images')
    .description('Starts no more images; what is being made ends, and submits are taken and wait.')
    .option('--model <id>', 'of this model; of all without it')
    .option('--until <time>', 'when it ends by itself')
    .option('--reason <text>', 'for others to read')
    .addHelpText('after', `${NEEDS_ADMIN}\n\nExample:\n  darkroom pause --reason "new key"`)
    .action(({ until, ...rest }: { model?: string; until?: string; reason?: string }) =>
      run(pause, async (cli) => {
        const time = until !== undefined && { until: readTime(until, '--until') };
        await printPauses(cli, await cli.client.admin.pause({ ...rest, ...time }, cli.call));
        return EXIT.ok;
      }),
    );

  const resume = program
    .command('resume')
    .summary('go on after a pause')
    .description('Lifts the pause that the same --model set.')
    .option('--model <id>', 'of this model; of all without it')
    .option('--holds', 'end the waiting of automatic holds (quota, bad key) too')
    .addHelpText('after', `${NEEDS_ADMIN}\n\nExample:\n  darkroom resume --holds`)
    .action((options: { model?: string; holds?: true }) =>
      run(resume, async (cli) => {
        await printPauses(cli, await cli.client.admin.resume(options, cli.call));
        return EXIT.ok;
      }),
    );
}

async function printWorkers({ json, terminal }: Cli, list: WorkerList): Promise<void> {
  if (json) return terminal.printJson(list);
  await terminal.printTable<WorkerList['items'][number]>(
    [
      { title: 'WORKER', value: ({ id }) => id },
      {
        title: 'STATE',
        value: ({ alive, draining }) => (alive ? (draining ? 'draining' : 'alive') : 'dead'),
      },
      { title: 'BUSY', value: ({ busy }) => busy, align: 'right' },
      { title: 'SLOTS', value: ({ concurrency }) => concurrency, align: 'right' },
      { title: 'LAST BEAT', value: ({ last_beat_at }) => last_beat_at },
      { title: 'HOST', value: ({ host }) => host, flexible: true },
    ],
    list.items,
  );
  terminal.say(`${list.busy} of ${list.slots} slots are busy.`);
}

async function printPauses({ json, terminal }: Cli, state: QueueState): Promise<void> {
  if (json) return terminal.printJson(state);
  if (state.pauses.length === 0) return terminal.print('Nothing is held back.');
  await terminal.printTable<QueueState['pauses'][number]>(
    [
      { title: 'HELD BACK', value: ({ scope, model }) => model ?? scope },
      { title: 'BY', value: ({ by }) => by },
      { title: 'STATE', value: ({ state: one }) => one },
      { title: 'UNTIL', value: ({ until }) => until ?? 'resumed' },
      { title: 'REASON', value: ({ reason }) => reason, flexible: true },
    ],
    state.pauses,
  );
}
