import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isSystemError } from './stack-error.ts';

const TAIL_BYTES = 16_384;
const TAIL_LINES = 15;

/** The last lines of a log under a heading that names the file; long lines are cut. */
export function readLogTail(file: string): string {
  const lines = readEnd(file).trimEnd().split('\n').slice(-TAIL_LINES);
  return [`The end of ${file}:`, ...lines.map((line) => `  ${line.slice(0, 500)}`)].join('\n');
}

function readEnd(file: string): string {
  try {
    const log = openSync(file, 'r');
    try {
      const end = Buffer.alloc(TAIL_BYTES);
      const read = readSync(log, end, 0, TAIL_BYTES, Math.max(0, fstatSync(log).size - TAIL_BYTES));
      return end.toString('utf8', 0, read) || '(empty)';
    } finally {
      closeSync(log);
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '(no such file)';
    throw error;
  }
}
