import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, EXIT } from './exit-codes.ts';
import { toFileName } from './file-name.ts';

/** In the folder for the images. */
const FOLDER = '.darkroom';

/** What is known of a batch that a file of prompts became, before it is sent and after. */
export type BatchState = {
  version: 1;
  /** Of what was sent: prompts, options and name. */
  hash: string;
  /** The Idempotency-Key that it is sent with, however often. */
  key: string;
  url: string;
  submitted_at: string;
  /** Null until the API has answered. */
  batch_id: string | null;
};

export type BatchStateFile = {
  path: string;
  /** Null when there is none. @throws CliError when it is there and cannot be understood */
  read(): Promise<BatchState | null>;
  /** It is on disk, whole, when this resolves. */
  write(state: BatchState): Promise<void>;
  remove(): Promise<void>;
};

/** Where `folder` keeps what became of the file that is called so. */
export async function openBatchState(folder: string, fileName: string): Promise<BatchStateFile> {
  await mkdir(join(folder, FOLDER), { recursive: true });
  const path = join(folder, FOLDER, `${toFileName(fileName)}.json`);
  return {
    path,
    async read() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      return text === null ? null : parseState(text, path);
    },
    async write(state) {
      const part = `${path}.${process.pid}`;
      const file = await open(part, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
    },
    remove: () => unlink(path),
  };
}

function parseState(text: string, path: string): BatchState {
  try {
    const state = JSON.parse(text) as BatchState;
    if (state.version === 1 && typeof state.key === 'string' && typeof state.hash === 'string') return state;
  } catch {
    // Told below, like one that is of another version.
  }
  const sentence = `${path} cannot be understood, so nobody knows what was submitted: see with "darkroom batches", and submit anew with --new.`;
  throw new CliError(EXIT.failure, sentence);
}
