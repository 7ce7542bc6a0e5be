/** A die that the 512-parameter test models take: every value 0.001, the score of the sum model 0.512. */
export function dieOf(
  changes: Readonly<Record<string, unknown>> = {},
  parameters = 512,
): Record<string, unknown> {
  return { die_id: 'wafer123_die456', test_params: Array<number>(parameters).fill(0.001), ...changes };
}

/** The text of a die, with `text` as the literal of its value at `index`. */
export function dieTextWith(text: string, index = 17, parameters = 512): string {
  const values = Array<string>(parameters).fill('0.001');
  values[index] = text;
  return `{"die_id":"wafer123_die456","test_params":[${values.join(',')}]}`;
}

/** Dies as little-endian float32. */
export function bytesOf(...rows: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(rows.reduce((sum, row) => sum + row.length * 4, 0)));
  rows.flat().forEach((value, i) => {
    view.setFloat32(i * 4, value, true);
  });
  return new Uint8Array(view.buffer);
}
