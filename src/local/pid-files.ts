import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isSystemError } from './stack-error.ts';

const signal = z.custom<NodeJS.Signals>((value) => typeof value === 'string' && value.startsWith('SIG'));

const pidFileSchema = z.object({
  name: z.string(),
  /** Rises with each start, so that orphans can be stopped in reverse order. */
  order: z.number().int(),
  pid: z.number().int().positive(),
  startedAt: z.string(),
  stop: z.object({ signal, graceMs: z.number(), hurrySignal: signal }),
});

/** A started process on disk: all that the next run needs to stop it if everybody who knew it was killed. */
export type PidFile = z.infer<typeof pidFileSchema>;

/** Records a started process. Rename makes it appear whole or not at all. */
export function writePidFile(runFolder: string, record: PidFile): void {
  mkdirSync(runFolder, { recursive: true });
  const file = pathOf(runFolder, record.name);
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** Forgets a process that has ended. */
export function removePidFile(runFolder: string, name: string): void {
  rmSync(pathOf(runFolder, name), { force: true });
}

/** The recorded processes, latest start first, alive or not. */
export function readPidFiles(runFolder: string): PidFile[] {
  return listFiles(runFolder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => readPidFile(join(runFolder, file)))
    .sort((a, b) => b.order - a.order);
}

/** A file that a power cut left empty or torn names no process that could still run. */
function readPidFile(file: string): PidFile[] {
  try {
    return [pidFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')))];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return [];
    throw error;
  }
}

function pathOf(runFolder: string, name: string): string {
  return join(runFolder, `${name}.json`);
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
