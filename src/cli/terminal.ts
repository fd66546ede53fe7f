import { once } from 'node:events';
import { styleText } from 'node:util';
import { toPlainLine, toSafeJson } from './plain-text.ts';
import { type Column, toTable } from './table.ts';

type Stream = NodeJS.WriteStream;
export type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold';

/** Where a command writes: what was asked for to stdout, all else to stderr. */
export type Terminal = {
  /** Lines of our own making to stdout; resolves when there is room for more. */
  print(...lines: string[]): Promise<void>;
  printTable<Row>(columns: Column<Row>[], rows: Row[]): Promise<void>;
  /** One JSON document, on a line of its own. */
  printJson(value: unknown): Promise<void>;
  /** A line to stderr, whatever is in it. */
  say(line: string): void;
  paint(colour: Colour, text: string): string;
  /** stderr, for what is drawn there again and again; null where that would only fill a file. */
  canvas: Stream | null;
  /** What is done before and after each line, so that what is drawn does not mix with it. */
  aroundLines(around: { before: () => void; after: () => void }): void;
};

export type TerminalOptions = {
  stdout: Stream;
  stderr: Stream;
  noColor: string | undefined;
  forceColor: string | undefined;
  term: string | undefined;
};

/** As wide as what is not shown on a terminal. */
const PIPE_COLUMNS = 160;

export function createTerminal({ stdout, stderr, ...wishes }: TerminalOptions): Terminal {
  let around = { before: (): void => undefined, after: (): void => undefined };
  const hasColour = wantsColour(stdout, wishes);
  const print = async (...lines: string[]): Promise<void> => {
    if (lines.length === 0) return;
    around.before();
    const hasRoom = stdout.write(`${lines.join('\n')}\n`);
    around.after();
    if (!hasRoom) await once(stdout, 'drain');
  };
  return {
    print,
    printTable: (columns, rows) => print(...toTable(columns, rows, stdout.columns ?? PIPE_COLUMNS)),
    printJson: (value) => print(toSafeJson(value)),
    say(line) {
      around.before();
      stderr.write(`${toPlainLine(line)}\n`);
      around.after();
    },
    paint: (colour, text) => (hasColour ? styleText(colour, text, { validateStream: false }) : text),
    canvas: stderr.isTTY && wishes.term !== 'dumb' ? stderr : null,
    aroundLines(given) {
      around = given;
    },
  };
}

/** https://no-color.org and https://force-color.org: what is set and not empty counts; the first of them wins. */
function wantsColour(
  stream: Stream,
  { noColor, forceColor, term }: Omit<TerminalOptions, 'stdout' | 'stderr'>,
) {
  if (noColor) return false;
  if (forceColor) return forceColor !== '0';
  return Boolean(stream.isTTY) && term !== 'dumb';
}
