import type { UsageRecord } from '../client/usage.ts';
import type { Cli } from './cli.ts';
import { formatUsd } from './show-batch.ts';
import type { Column } from './table.ts';

type Row = Pick<UsageRecord, 'total'>['total'] & { names: Record<string, string | null | undefined> };

const EMPTY = '-';

/** Usage as a table with a line for each group and one for all, or for scripts as it is. */
export async function printUsage({ json, terminal }: Cli, usage: UsageRecord): Promise<void> {
  if (json) return terminal.printJson(usage);
  const { total, groups } = usage;
  const keys = Object.keys(groups[0]?.key ?? {});
  const rows: Row[] = groups.map(({ key, ...figures }) => ({ ...figures, names: key }));
  const [first = ''] = keys;
  await terminal.printTable(
    [...keys.map(keyColumn), ...FIGURES],
    [...rows, { ...total, names: { [first]: 'all' } }],
  );
  terminal.say(
    `${usage.from} to ${usage.to} (UTC); ${total.calls} calls, ${total.total_tokens} tokens, ${total.regenerations} made again, ${total.deleted} deleted` +
      (total.unpriced_images > 0 ? `, ${total.unpriced_images} of unknown cost` : ''),
  );
  if (!usage.is_complete) terminal.say('There are more groups than these: ask for fewer days.');
}

const keyColumn = (key: string): Column<Row> => ({
  title: key.toUpperCase().replace('_ID', ''),
  value: ({ names }) => names[key] ?? (key in names ? EMPTY : ''),
});

const FIGURES: Column<Row>[] = [
  number('ACCEPTED', ({ accepted }) => accepted),
  number('MADE', ({ images }) => images),
  number('FAILED', ({ failed, expired }) => failed + expired),
  number('CANCELED', ({ canceled }) => canceled),
  number('OPEN', ({ open }) => open),
  number('SUCCESS', ({ success_rate: rate }) =>
    rate === null ? EMPTY : `${Math.round(rate * 1_000) / 10} %`,
  ),
  number('ESTIMATE', ({ estimated_cost_usd: usd }) => formatUsd(usd)),
  number('COST', ({ cost_usd: usd }) => formatUsd(usd)),
  number('WAIT P50', ({ queue_ms_p50: ms }) => formatTime(ms)),
  number('P95', ({ queue_ms_p95: ms }) => formatTime(ms)),
  number('TOTAL P50', ({ total_ms_p50: ms }) => formatTime(ms)),
  number('P95', ({ total_ms_p95: ms }) => formatTime(ms)),
];

function number(title: string, value: Column<Row>['value']): Column<Row> {
  return { title, value, align: 'right' };
}

/** They are at most a tenth off: more than two digits would tell nothing. */
const formatTime = (ms: number | null) => (ms === null ? EMPTY : `${Number((ms / 1_000).toPrecision(2))} s`);
