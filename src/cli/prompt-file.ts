import { createReadStream } from 'node:fs';
import { basename, extname } from 'node:path';
import type { Readable } from 'node:stream';
import { readCsv } from './csv-prompts.ts';
import { usageError } from './exit-codes.ts';
import { toInputError } from './file-error.ts';
import { readJsonLines, readTextLines } from './line-prompts.ts';
import type { PromptRow } from './prompt-row.ts';

export const KINDS = ['csv', 'tsv', 'ndjson', 'txt'] as const;
export type Kind = (typeof KINDS)[number];

/** A file of prompts, read as it is taken. `name` is what people call it. */
export type PromptFile = { name: string; rows: AsyncIterable<PromptRow> };

const KIND_OF_ENDING: Record<string, Kind> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.txt': 'txt',
};

/** `-` is stdin, whose kind has to be said. @throws CliError usage, also while it is read */
export function openPromptFile(
  path: string,
  { kind, delimiter, stdin }: { kind: Kind | undefined; delimiter: string | undefined; stdin: Readable },
): PromptFile {
  const name = path === '-' ? 'stdin' : basename(path);
  const found = kind ?? KIND_OF_ENDING[extname(path).toLowerCase()];
  if (!found) {
    throw usageError(`Say what is in ${name}: --input ${KINDS.join(', --input ')}.`);
  }
  const text = decode(path === '-' ? stdin : readBytes(path), name);
  switch (found) {
    case 'csv':
    case 'tsv':
      return { name, rows: readCsv(text, name, delimiter ?? (found === 'tsv' ? '\t' : ',')) };
    case 'ndjson':
      return { name, rows: readJsonLines(text, name) };
    case 'txt':
      return { name, rows: readTextLines(text) };
  }
}

/** A byte order mark goes. What is not UTF-8 would end as wrong letters in a picture that was paid for. */
async function* decode(bytes: AsyncIterable<Uint8Array<ArrayBuffer>>, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const read = (chunk: Uint8Array<ArrayBuffer> | undefined): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw usageError(`${name} is not UTF-8: save it as that.`, { cause });
    }
  };
  for await (const chunk of bytes) yield read(chunk);
  yield read(undefined);
}

async function* readBytes(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    yield* createReadStream(path);
  } catch (error) {
    throw toInputError(error, path);
  }
}
