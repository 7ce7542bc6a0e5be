/** A row of a Markdown table. */
export function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** A share to three digits. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
