import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canReach, findNobody, OPEN_FOLDER } from '../../src/local/postgres-home.ts';

/**
 * A new folder for a test's own servers; the caller removes it. For root it is one that `nobody`, as whom Postgres then
 * runs, can enter, so that all of the data lies in it.
 */
export function makeTempFolder(): string {
  if (process.getuid?.() !== 0) return mkdtempSync(join(tmpdir(), 'darkroom-test-'));
  const parent = canReach(findNobody(), tmpdir()) ? tmpdir() : OPEN_FOLDER;
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'darkroom-test-'));
  chmodSync(folder, 0o755);
  return folder;
}
