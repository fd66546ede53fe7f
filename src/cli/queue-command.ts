import type { Command } from 'commander';
import type { QueueLoad } from '../client/client.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit-codes.ts';
import { formatSeconds } from './progress.ts';
import { whyHalted } from './queue-watch.ts';
import type { Run } from './run-command.ts';
import { toPairs } from './table.ts';
import type { Colour } from './terminal.ts';

const COLOURS: Record<string, Colour> = {
  running: 'green',
  throttled: 'yellow',
  paused: 'red',
  no_workers: 'red',
};

export function addQueueCommand(program: Command, run: Run): void {
  const command = program
    .command('queue')
    .summary('show how busy it is')
    .description('Shows how busy it is, how long images wait, and what of that is yours.')
    .addHelpText('after', `\nExamples:\n  darkroom queue\n  darkroom queue --json | jq .mine.eta_seconds`)
    .action(() =>
      run(command, async (cli) => {
        await printQueue(cli, await cli.client.queue(cli.call));
        return EXIT.ok;
      }),
    );
}

async function printQueue({ json, terminal }: Cli, queue: QueueLoad): Promise<void> {
  if (json) return terminal.printJson(queue);
  const { mine, wait, holds } = queue;
  const colour = COLOURS[queue.state];
  const next = mine.queue_position === null ? null : `place ${mine.queue_position}, ${readyIn(queue)}`;
  await terminal.print(
    ...toPairs([
      ['state', colour ? terminal.paint(colour, queue.state) : queue.state],
      ['workers', `${queue.workers} with ${queue.slots} slots`],
      ['images', `${describe(atLeast(queue, mine))}, at most 2 s ago`],
      ['wait', describeWait(wait)],
      ...holds.map((hold): [string, string] => ['held back', describeHold(hold)]),
      ['yours', describe(mine)],
      ['your next', next],
    ]),
  );
}

type Load = Pick<QueueLoad, 'waiting' | 'released' | 'processing'>;

const describe = ({ waiting, released, processing }: Load) =>
  `${waiting + released} waiting, ${processing} being made`;

/** What is mine is of this moment, and the whole of a moment before: there are at least as many as are mine. */
const atLeast = (all: Load, mine: Load): Load => ({
  waiting: Math.max(all.waiting + all.released, mine.waiting + mine.released),
  released: 0,
  processing: Math.max(all.processing, mine.processing),
});

function readyIn({ state, mine: { eta_seconds: seconds } }: QueueLoad): string {
  const halted = whyHalted(state);
  if (halted !== null) return halted;
  return seconds === null ? 'nobody can say when it is ready' : `ready in about ${formatSeconds(seconds)}`;
}

function describeWait({ p50_seconds: half, p95_seconds: most }: QueueLoad['wait']): string | null {
  if (half === null || most === null) return null;
  return `half start within ${formatSeconds(Math.ceil(half))}, 95 % within ${formatSeconds(Math.ceil(most))}`;
}

const describeHold = ({ scope, model, by, state, until }: QueueLoad['holds'][number]) =>
  `${model ?? scope}, by ${by}, ${state === 'probing' ? 'being probed' : `until ${until ?? 'resumed'}`}`;
