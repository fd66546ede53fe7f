import type { Cli } from './cli.ts';
import type { Column } from './table.ts';

/** Rows that are laid out together: more would keep a person waiting for the first. */
const ROWS_OF_TABLE = 100;

/** So many of what there is: a line of JSON each as they come, or a table. */
export async function printList<Row>(
  { json, terminal }: Cli,
  rows: AsyncIterable<Row> | Iterable<Row>,
  { most = Number.POSITIVE_INFINITY, columns, noun }: { most?: number; columns: Column<Row>[]; noun: string },
): Promise<void> {
  let printed = 0;
  let page: Row[] = [];
  for await (const row of rows) {
    printed += 1;
    if (json) await terminal.printJson(row);
    else page.push(row);
    if (page.length === ROWS_OF_TABLE) {
      await terminal.printTable(columns, page);
      page = [];
    }
    if (printed >= most) break;
  }
  if (page.length > 0) await terminal.printTable(columns, page);
  if (printed === 0) terminal.say(`There are no such ${noun}.`);
}
