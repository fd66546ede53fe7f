import { pino } from 'pino';

/** Of the lines of one turn; what is more does not wait for its end. */
const MOST_KEPT = 16 * 1024;

export type LogLines = {
  write(line: string): void;
  /** Writes what has not been written. pino does this after a fatal line. */
  flushSync(): void;
};

/**
 * Stdout, to which the lines of one turn of the event loop go together: each write is a call of the system, which costs
 * several times what its line does, and jobs begin and end several in one turn. An exit writes them too, whatever
 * leads to it; a process that is killed loses those of its last turn.
 */
export function openLogLines(): LogLines {
  const stdout = pino.destination({ sync: true });
  let kept = '';
  let endOfTurn: NodeJS.Immediate | undefined;

  const flushSync = (): void => {
    clearImmediate(endOfTurn);
    endOfTurn = undefined;
    process.off('exit', flushSync);
    const lines = kept;
    kept = '';
    if (lines !== '') stdout.write(lines);
  };

  return {
    write(line) {
      kept += line;
      if (kept.length >= MOST_KEPT) return flushSync();
      if (endOfTurn) return;
      endOfTurn = setImmediate(flushSync);
      process.once('exit', flushSync);
    },
    flushSync,
  };
}
