import { stringify } from 'csv-stringify/sync';
import { FIGURES, type UsageRecord } from './usage-schemas.ts';

/**
 * A line for each group, below one with the names: what it is grouped by, then the figures, null as nothing. Without the
 * total, so that whoever adds lines up gets it. A style in somebody's own words is kept from being a formula.
 */
export function toUsageCsv({ groups }: Pick<UsageRecord, 'groups'>, keys: string[]): string {
  const rows = groups.map(({ key, ...figures }) => ({ ...key, ...figures }));
  return stringify(rows, { header: true, columns: [...keys, ...FIGURES], escape_formulas: true });
}
