/** A column of a table of text. */
export interface Column<Row> {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly text: (row: Row) => string;
}

/** Lines of a table whose columns are as wide as what is in them, parted by two spaces. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = columns.map(({ title, text }) => [title, ...rows.map(text)]);
  const widths = cells.map((column) => column.reduce((width, { length }) => Math.max(width, length), 0));
  return Array.from({ length: rows.length + 1 }, (_, line) =>
    columns
      .map(({ align }, c) => {
        const [text, width] = [cells[c]?.[line] ?? '', widths[c] ?? 0];
        return align === 'left' ? text.padEnd(width) : text.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
