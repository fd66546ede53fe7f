import type { ImageEvents } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { paintStatus } from './show-image.ts';

/** What happened to an image: a line for each transition, or for scripts all of it as it is. */
export async function printEvents({ json, terminal }: Cli, found: ImageEvents): Promise<void> {
  if (json) return terminal.printJson(found);
  await terminal.printTable<ImageEvents['events'][number]>(
    [
      { title: 'TIME (UTC)', value: ({ at }) => at.slice(0, 23).replace('T', ' ') },
      { title: 'FROM', value: ({ from }) => from },
      { title: 'TO', value: ({ to }) => to, paint: (text) => paintStatus(terminal, text) },
      { title: 'ATTEMPT', value: ({ attempt }) => attempt, align: 'right' },
      { title: 'WORKER', value: ({ worker_id: worker }) => worker },
      { title: 'WHY', value: ({ error }) => error && `${error.code}: ${error.message}`, flexible: true },
    ],
    found.events,
  );
  if (found.cancel_requested_at !== null)
    terminal.say(`It was to stop from ${found.cancel_requested_at} on.`);
  if (!found.is_complete) terminal.say('There were more; these are the last 500.');
}
