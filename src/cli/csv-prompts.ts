import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import type { BatchItem } from '../client/batches.ts';
import { usageError } from './exit-codes.ts';
import { ITEM_FIELDS, metadataKeyOf } from './image-fields.ts';
import type { PromptRow } from './prompt-row.ts';

type Record = { record: { [column: string]: string }; info: { lines: number } };

/**
 * A table with a line of titles: a column for each field, `metadata.<key>` for your own. An empty cell is a field that is not
 * given. @throws CliError usage
 */
export async function* readCsv(
  text: AsyncIterable<string>,
  name: string,
  delimiter: string,
): AsyncGenerator<PromptRow> {
  const parser = parse({
    delimiter,
    info: true,
    skip_empty_lines: true,
    columns: (titles: string[]) => checkTitles(titles, name),
  });
  const source = Readable.from(text);
  source.once('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let line = 2;
  try {
    for await (const { record, info } of parser as AsyncIterable<Record>) {
      yield { line, item: toItem(record) };
      line = info.lines + 1;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw usageError(`${name} cannot be read as a table: ${error.message}.`, { cause: error });
  } finally {
    source.destroy();
  }
}

function checkTitles(titles: string[], name: string): string[] {
  const columns = titles.map((title) => title.trim());
  const unknown = columns.filter(
    (column) => !Object.hasOwn(ITEM_FIELDS, column) && metadataKeyOf(column) === null,
  );
  const known = `${Object.keys(ITEM_FIELDS).join(', ')} and metadata.<key>`;
  if (!columns.includes('prompt')) {
    throw usageError(`${name} has no column "prompt" in its first line; the columns may be ${known}.`);
  }
  if (unknown.length > 0) {
    const named = unknown.map((column) => `"${column}"`).join(', ');
    throw usageError(`${name} has columns that are none of a request's: ${named}; they may be ${known}.`);
  }
  const twice = columns.find((column, at) => columns.indexOf(column) !== at);
  if (twice !== undefined) throw usageError(`${name} has the column "${twice}" twice.`);
  return columns;
}

/** A text that cannot be read as its field stays as it is: the API refuses it, and names it with all other mistakes. */
function toItem(record: Record['record']): Partial<BatchItem> {
  const item: { [field: string]: unknown } = {};
  const metadata: [key: string, text: string][] = [];
  for (const [column, text] of Object.entries(record)) {
    if (text.trim() === '') continue;
    const key = metadataKeyOf(column);
    if (key !== null) {
      metadata.push([key, text]);
      continue;
    }
    try {
      item[column] = ITEM_FIELDS[column]?.(text);
    } catch {
      item[column] = text;
    }
  }
  return {
    ...item,
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
  } as Partial<BatchItem>;
}
