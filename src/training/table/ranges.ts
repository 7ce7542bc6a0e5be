import { Fault } from '../../errors.js';

/**
 * The columns that a text such as `s000..s511,VTN_01` names, in the header's order within a range:
 * `a..b` is every column from a to b.
 */
export function selectColumns(header: readonly string[], text: string): readonly string[] {
  const problems: string[] = [];
  const position = (name: string) => {
    const index = header.indexOf(name);
    if (index < 0) problems.push(`--parameters: no column "${name}" in the header`);
    return index;
  };
  const columns = text.split(',').flatMap((item) => {
    const [first = '', last = first, ...rest] = item.trim().split('..');
    const from = position(first);
    const to = position(last);
    if (rest.length > 0 || from > to) {
      problems.push(`--parameters: "${item}" is no range; expected first..last in the header's order`);
      return [];
    }
    return from < 0 ? [] : header.slice(from, to + 1);
  });
  const twice = columns.filter((name, i) => columns.indexOf(name) !== i);
  if (twice.length > 0) problems.push(`--parameters: column "${twice[0]}" is named twice`);
  if (problems.length > 0) throw new Fault('invalid_usage', problems);
  return columns;
}

/** Says whether a die's row (from 1, over all files) is among those that a text such as `1..300,350` names. */
export function rowSelector(text: string | undefined): (row: number) => boolean {
  if (text === undefined) return () => true;
  const ranges = text.split(',').map((item) => {
    const match = /^([1-9]\d{0,8})(?:\.\.([1-9]\d{0,8}))?$/.exec(item.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from > to) {
      throw new Fault('invalid_usage', [
        `--rows: "${item}" is no row or range; expected whole numbers from 1, such as 1..300`,
      ]);
    }
    return { from, to };
  });
  return (row) => ranges.some(({ from, to }) => row >= from && row <= to);
}
