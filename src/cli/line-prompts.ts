import type { BatchItem } from '../client/batches.ts';
import { usageError } from './exit-codes.ts';
import { ITEM_FIELDS } from './image-fields.ts';
import type { PromptRow } from './prompt-row.ts';

/** A prompt a line. */
export async function* readTextLines(text: AsyncIterable<string>): AsyncGenerator<PromptRow> {
  for await (const { line, content } of splitLines(text)) yield { line, item: { prompt: content } };
}

/** An item of a batch a line, as the API takes it. @throws CliError usage */
export async function* readJsonLines(text: AsyncIterable<string>, name: string): AsyncGenerator<PromptRow> {
  for await (const { line, content } of splitLines(text)) {
    const where = `${name}, line ${line}`;
    const item = parse(content, where);
    const unknown = Object.keys(item).filter((key) => key !== 'metadata' && !Object.hasOwn(ITEM_FIELDS, key));
    if (unknown.length > 0) {
      const known = [...Object.keys(ITEM_FIELDS), 'metadata'].join(', ');
      throw usageError(`${where}: there is no field "${unknown.join('", "')}"; there are ${known}.`);
    }
    yield { line, item };
  }
}

function parse(content: string, where: string): Partial<BatchItem> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw usageError(`${where}: that is no JSON.`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Partial<BatchItem>;
  throw usageError(`${where}: that is no object.`);
}

/** Those that are not blank, with their numbers; only line feeds end them, for others stand in prompts. */
async function* splitLines(text: AsyncIterable<string>): AsyncGenerator<{ line: number; content: string }> {
  let rest = '';
  let line = 0;
  for await (const chunk of text) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      line += 1;
      if (part.trim() !== '') yield { line, content: part.trim() };
    }
  }
  if (rest.trim() !== '') yield { line: line + 1, content: rest.trim() };
}
