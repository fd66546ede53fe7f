import type { BatchRecord } from '../client/batches.ts';
import type { ImageRecord } from '../client/images.ts';
import type { Cli } from './cli.ts';
import { formatSeconds } from './progress.ts';
import { toPairs } from './table.ts';

/** An image that a batch has not brought, and why. */
export type Trouble = { image: ImageRecord; reason: string };

export const formatUsd = (usd: number | null): string | null => (usd === null ? null : `$${usd.toFixed(4)}`);

/** `997 succeeded, 3 failed`: what there is of each. */
export function describeCounts({ counts }: BatchRecord): string {
  const { total: _total, ...byStatus } = counts;
  const given = Object.entries(byStatus).filter(([, count]) => count > 0);
  return given.map(([status, count]) => `${count} ${status}`).join(', ') || 'none';
}

/** A batch, for people or for scripts. */
export async function printBatch({ json, terminal }: Cli, batch: BatchRecord): Promise<void> {
  if (json) return terminal.printJson(batch);
  await terminal.print(
    ...toPairs([
      ['batch', batch.id],
      ['name', batch.name],
      ['status', batch.status],
      ['images', `${batch.counts.total}: ${describeCounts(batch)}`],
      ['about', batch.eta_seconds === null ? null : `${formatSeconds(batch.eta_seconds)} left`],
      ['estimate', formatUsd(batch.estimated_cost_usd)],
      ['cost', formatUsd(batch.cost_usd)],
      ['retry of', batch.parent_id],
      ['created', batch.created_at],
      ['completed', batch.completed_at],
      ['canceled', batch.canceled_at],
    ]),
  );
}

/** What has come of a batch, and what can be done about what has not. */
export async function printBatchEnd(
  { terminal }: Cli,
  batch: BatchRecord,
  tally: { succeeded: number; saved: number; wereThere: number; withoutImage: number; troubles: Trouble[] },
  out: string | null,
): Promise<void> {
  const { troubles, withoutImage } = tally;
  if (troubles.length > 0) {
    await terminal.printTable<Trouble>(
      [
        { title: 'IMAGE', value: ({ image }) => image.id },
        { title: 'CUSTOM ID', value: ({ image }) => image.custom_id, flexible: true },
        { title: 'STATUS', value: ({ image }) => image.status },
        { title: 'WHY', value: ({ reason }) => reason, flexible: true },
      ],
      troubles,
    );
    if (withoutImage > troubles.length) await terminal.print(`… and ${withoutImage - troubles.length} more`);
    await terminal.print('');
  }
  const there = tally.wereThere > 0 ? ` (${tally.wereThere} were there already)` : '';
  await terminal.print(
    ...toPairs([
      ['batch', batch.id],
      ['images', describeCounts(batch)],
      ['files', out === null ? null : `${tally.saved + tally.wereThere} in ${out}${there}`],
      ['cost', formatUsd(batch.cost_usd)],
    ]),
  );
  if (batch.counts.failed + batch.counts.expired > 0) {
    terminal.say(
      `To make those that failed again: darkroom retry ${batch.id} --wait${out === null ? '' : ' --out <folder>'}`,
    );
  }
}
