import { el } from './dom.ts';

export type Column<Row> = { title: string; value: (row: Row) => string; isNumber?: boolean };

/** Rows of figures. Where it is wider than the window it is moved by itself, also by keyboard. */
export function createTable<Row>(caption: string, columns: Column<Row>[], rows: Row[]): HTMLElement {
  const kindOf = ({ isNumber = false }: Column<Row>) => (isNumber ? 'number' : null);
  const head = columns.map((column) => el('th', { scope: 'col', class: kindOf(column) }, column.title));
  const lines = rows.map((row) =>
    el(
      'tr',
      {},
      ...columns.map((column, index) =>
        index === 0
          ? el('th', { scope: 'row' }, el('span', { title: column.value(row) }, column.value(row)))
          : el('td', { class: kindOf(column) }, column.value(row)),
      ),
    ),
  );
  return el(
    'div',
    { class: 'panel scroller', role: 'region', 'aria-label': caption, tabindex: '0' },
    el(
      'table',
      {},
      el('caption', {}, caption),
      el('thead', {}, el('tr', {}, ...head)),
      el('tbody', {}, ...lines),
    ),
  );
}
