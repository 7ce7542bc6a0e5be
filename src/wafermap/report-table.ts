import { countText, escaped, printable } from './text.js';

/** A table of a report. All text is plain: it is escaped here. */
export interface ReportTable {
  readonly title: string;
  /** What the reader has to know of it, in a few words. */
  readonly note?: string;
  readonly columns: readonly ReportColumn[];
  /** A cell for each column. */
  readonly rows: readonly (readonly string[])[];
}

export interface ReportColumn {
  readonly title: string;
  /** Numbers are on the right, so that their digits stand below each other. */
  readonly align: 'left' | 'right';
}

/** A section with the table; '' for one without rows. */
export function tableSection({ title, note, columns, rows }: ReportTable, id: string): string {
  if (rows.length === 0) return '';
  const cell = (tag: 'td' | 'th', text: string, column: number) => {
    const left = columns[column]?.align === 'left' ? ' class="l"' : '';
    return `<${tag}${left}>${plain(text)}</${tag}>`;
  };
  const head = columns.map((column, i) => cell('th', column.title, i)).join('');
  const lines = rows.map((row) => `<tr>${row.map((text, i) => cell('td', text, i)).join('')}</tr>`);
  return `<section id="${id}" class="table">
<h2>${plain(title)}${note === undefined ? '' : ` <small>${plain(note)}</small>`}</h2>
<div class="scroll"><table><thead><tr>${head}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table></div>
</section>`;
}

/** Text of a page. */
export function plain(text: string): string {
  return escaped(printable(text));
}

/** `3 of 25`, a dash where there is nothing to count. */
export function partText(part: number, whole: number): string {
  return whole === 0 ? '\u2013' : `${countText(part)} of ${countText(whole)}`;
}
