import type { ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { formatSeconds } from './progress.ts';
import { formatUsd } from './show-batch.ts';
import type { Column } from './table.ts';
import { toPairs } from './table.ts';
import type { Colour, Terminal } from './terminal.ts';

const COLOURS: Record<string, Colour> = {
  succeeded: 'green',
  completed: 'green',
  failed: 'red',
  expired: 'red',
  canceled: 'yellow',
  processing: 'bold',
  pending: 'dim',
};

/** A status as it is, coloured where it is one that is known. */
export function paintStatus(terminal: Pick<Terminal, 'paint'>, text: string): string {
  const colour = COLOURS[text.trim()];
  return colour ? terminal.paint(colour, text) : text;
}

/** An image, for people or for scripts. `file`: where it was saved; undefined where nothing is to be saved. */
export async function printImage(
  { json, terminal }: Cli,
  image: ImageRecord,
  file?: string | null,
): Promise<void> {
  if (json) return terminal.printJson(file === undefined ? image : { ...image, file });
  const { eta_seconds: eta, queue_position: place, width, height } = image;
  await terminal.print(
    ...toPairs([
      ['image', image.id],
      ['status', image.status],
      ['why', image.error && `${image.error.code}: ${image.error.message}`],
      ['place', place],
      ['about', eta === null ? null : formatSeconds(eta)],
      ['file', file],
      ['address', image.image_url],
      ['prompt', image.prompt],
      ['model', image.model],
      ['size', width === null ? null : `${width} × ${height}, ${image.bytes} bytes`],
      ['dataset', image.dataset_id],
      ['batch', image.batch_id],
      ['custom id', image.custom_id],
      ['made from', image.parent_id],
      ['estimate', formatUsd(image.estimated_cost_usd)],
      ['cost', formatUsd(image.cost_usd)],
      ['created', image.created_at],
      ['completed', image.completed_at],
      ...image.warnings.map(({ code, message }): [string, string] => ['warning', `${code}: ${message}`]),
    ]),
  );
}

/** Columns of a table of images. */
export const imageColumns = (terminal: Terminal): Column<ImageRecord>[] => [
  { title: 'IMAGE', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status, paint: (text) => paintStatus(terminal, text) },
  { title: 'CREATED (UTC)', value: ({ created_at }) => created_at.slice(0, 16).replace('T', ' ') },
  { title: 'COST', value: ({ cost_usd }) => formatUsd(cost_usd), align: 'right' },
  { title: 'PROMPT', value: ({ prompt }) => prompt, flexible: true },
];
