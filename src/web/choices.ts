import type { DarkroomClient } from '../client/client.ts';
import type { DatasetRecord } from '../client/datasets.ts';

/** More are found by the API; a list of more is no list for people. */
const MOST_DATASETS = 200;

export type Choices = {
  options: Awaited<ReturnType<DarkroomClient['options']>>;
  datasets: DatasetRecord[];
};

/** What a form offers. */
export async function loadChoices(client: DarkroomClient, signal: AbortSignal): Promise<Choices> {
  const [options, datasets] = await Promise.all([client.options(), takeDatasets(client, signal)]);
  return { options, datasets };
}

async function takeDatasets(client: DarkroomClient, signal: AbortSignal): Promise<DatasetRecord[]> {
  const taken: DatasetRecord[] = [];
  for await (const dataset of client.datasets.list({ signal })) {
    taken.push(dataset);
    if (taken.length === MOST_DATASETS) break;
  }
  return taken;
}

/** How a dataset is called; older ones have no name. */
export const nameOfDataset = ({ name, brand, id }: DatasetRecord): string => name ?? brand ?? id;
