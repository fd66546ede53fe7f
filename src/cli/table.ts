import { fitInto, toPlainLine, widthOf } from './plain-text.ts';

export type Cell = string | number | null | undefined;
export type Column<Row> = {
  title: string;
  value: (row: Row) => Cell;
  /** Numbers stand below each other. */
  align?: 'right';
  /** May be cut where the terminal is too narrow; others are shown whole. */
  flexible?: true;
  /** Of a cell that is padded already. */
  paint?: (text: string, row: Row) => string;
};

const GAP = '  ';
const LEAST = 8;

/** Lines of a table whose flexible columns share what the others leave of the terminal. Nothing in it is unsafe. */
export function toTable<Row>(columns: Column<Row>[], rows: Row[], terminalColumns: number): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => toPlainLine(String(value(row) ?? ''))));
  const wanted = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...cells.map((line) => widthOf(line[at] ?? ''))),
  );
  const widths = share(columns, wanted, terminalColumns - GAP.length * (columns.length - 1));
  const layOut = (line: string[], paint: (text: string, at: number) => string): string =>
    line
      .map((cell, at) => {
        const text = fitInto(cell, widths[at] ?? 0);
        const blank = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)));
        const isLast = at === columns.length - 1 && columns[at]?.align !== 'right';
        const padded = columns[at]?.align === 'right' ? blank + text : text + (isLast ? '' : blank);
        return paint(padded, at);
      })
      .join(GAP)
      .trimEnd();
  const head = layOut(
    columns.map(({ title }) => title),
    (text) => text,
  );
  const body = rows.map((row, n) =>
    layOut(cells[n] ?? [], (text, at) => columns[at]?.paint?.(text, row) ?? text),
  );
  return [head, ...body];
}

function share<Row>(columns: Column<Row>[], wanted: number[], room: number): number[] {
  const widths = [...wanted];
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    if (over <= 0) return widths;
    const flexible = columns.flatMap(({ flexible: isFlexible }, at) =>
      isFlexible && (widths[at] ?? 0) > LEAST ? [at] : [],
    );
    const widest = flexible.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) return widths;
    widths[widest] = Math.max(LEAST, (widths[widest] ?? 0) - Math.max(1, Math.floor(over / flexible.length)));
  }
}

/** Lines `name  value` of one thing; those without a value are left out. */
export function toPairs(pairs: [name: string, value: Cell][]): string[] {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}${GAP}${toPlainLine(String(value))}`);
}
