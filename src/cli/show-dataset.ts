import type { DatasetRecord } from '../client/datasets.ts';
import type { Cli } from './cli.ts';
import { toPairs } from './table.ts';

/** A dataset, for people or for scripts. */
export async function printDataset({ json, terminal }: Cli, dataset: DatasetRecord): Promise<void> {
  if (json) return terminal.printJson(dataset);
  const { unique_visual_elements: elements } = dataset;
  await terminal.print(
    ...toPairs([
      ['dataset', dataset.id],
      ['name', dataset.name],
      ['brand', dataset.brand],
      ['vibe', dataset.vibe],
      ['elements', describeElements(elements)],
      ['shared', dataset.shared ? 'yes' : null],
      ['logo', dataset.logo_url],
      ...dataset.images.map(({ id, url }): [string, string] => ['image', `${id}  ${url}`]),
    ]),
  );
}

/** Those of an older service may be anything. */
function describeElements(elements: unknown): string | null {
  if (elements === null || elements === undefined) return null;
  return Array.isArray(elements) ? elements.join(', ') : JSON.stringify(elements);
}
