const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * A cell as the float32 that the model will see: NaN for an empty cell, undefined for one that holds
 * no decimal number or one that float32 cannot hold.
 */
export function parseMeasuredValue(cell: string): number | undefined {
  const text = cell.trim();
  if (text === '') return Number.NaN;
  if (!NUMBER.test(text)) return undefined;
  const value = Math.fround(Number(text));
  return Number.isFinite(value) ? value : undefined;
}

/** Whether a label says pass: pass/fail, 0/1 or -1/1 (1 is fail, as in SECOM); undefined for none of these. */
export function parsePassing(cell: string): boolean | undefined {
  switch (cell.trim().toLowerCase()) {
    case 'pass':
    case '0':
    case '-1':
      return true;
    case 'fail':
    case '1':
      return false;
    default:
      return undefined;
  }
}
