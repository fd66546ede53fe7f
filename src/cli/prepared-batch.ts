import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DarkroomError } from '../client/darkroom-error.ts';
import type { ImageRequest } from '../client/images.ts';
import { usageError } from './exit-codes.ts';
import type { PromptFile } from './prompt-file.ts';
import type { PromptRow } from './prompt-row.ts';

/** Bytes that are gathered for one write. */
const CHUNK = 64 * 1_024;

/** A file of prompts as the lines that are sent, in a file of its own: neither is ever whole in memory. */
export type PreparedBatch = {
  /** What the file is called. */
  name: string;
  lines: Blob;
  /** SHA-256 of the lines: the same prompts with the same options are the same batch. */
  hash: string;
  total: number;
  /** A refusal of the lines that were sent, told by the lines of the file, where people look; other errors as they are. */
  tellLines(error: unknown): unknown;
};

/**
 * Reads all of the file, so that it is known to be a table before any of it is sent, and does `work` with it. What a field may
 * be is for the API to say, which names every mistake at once. An item has the `defaults` that it does not have itself, and
 * the name `line-<n>` if it has no other: its file is called so.
 *
 * @throws CliError usage
 */
export async function withPreparedBatch<T>(
  file: PromptFile,
  defaults: Partial<ImageRequest>,
  work: (batch: PreparedBatch) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-batch-'));
  try {
    return await work(await prepare(file, defaults, join(folder, 'lines.ndjson')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(
  { name, rows }: PromptFile,
  defaults: Partial<ImageRequest>,
  path: string,
): Promise<PreparedBatch> {
  const hash = createHash('sha256');
  const lines: number[] = [];
  const output = await open(path, 'wx', 0o600);
  try {
    let chunk = '';
    const flush = async (): Promise<void> => {
      hash.update(chunk);
      await output.writeFile(chunk);
      chunk = '';
    };
    for await (const { line, item } of rows) {
      chunk += `${JSON.stringify(withDefaults(item, defaults, line))}\n`;
      lines.push(line);
      if (chunk.length > CHUNK) await flush();
    }
    await flush();
  } finally {
    await output.close();
  }
  if (lines.length === 0) throw usageError(`${name} has no prompts.`);
  return {
    name,
    lines: await openAsBlob(path),
    hash: hash.digest('hex'),
    total: lines.length,
    tellLines: (error) => tellLines(error, name, lines),
  };
}

/** Their metadata are joined; what is none is told by the API. */
function withDefaults(item: PromptRow['item'], defaults: Partial<ImageRequest>, line: number): object {
  const [common, own] = [defaults.metadata, item.metadata];
  const joined = common && isObject(own ?? {}) ? { ...common, ...(own as object | null) } : own;
  return {
    custom_id: `line-${line}`,
    ...defaults,
    ...item,
    ...(joined !== undefined && { metadata: joined }),
  };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function tellLines(error: unknown, name: string, lines: number[]): unknown {
  if (!(error instanceof DarkroomError) || error.errors.length === 0) return error;
  const { status, code, message: detail, requestId: request_id } = error;
  const errors = error.errors.map((one) => ({
    ...one,
    pointer: one.pointer.replace(
      /^line (\d+)\/?/,
      (_all, item) => `${name}, line ${lines[Number(item) - 1] ?? item}, `,
    ),
  }));
  return new DarkroomError(status, { detail, code, errors, request_id });
}
