import { CLOSE_BRACKET, COMMA } from './bytes.js';
import { loadValueKernel } from './value-kernel.js';

/** What a scanner answers instead of a position for anything that is not plainly valid. */
export const DECLINED = -1;

/** Where values go, and which. */
export interface ScannedRows {
  /** float32 [dies × count] row-major. */
  readonly rows: Float32Array;
  /** Values of one die, exactly. */
  readonly count: number;
  /** Whether null is a value; it is written as NaN. */
  readonly acceptsMissing: boolean;
}

const kernel = loadValueKernel();

/**
 * Writes exactly `target.count` JSON numbers from just behind their '[' to `target.rows` from index
 * `from` on, each as `Math.fround(JSON.parse(text))` gives it, and answers the position behind their
 * ']'. For anything else, DECLINED, with the row half written: another count, another kind of
 * value, a number that float32 cannot hold, a syntax error.
 *
 * The kernel reads them (kernel/values.ts). Text that is longer than its window is read piece by piece, each
 * up to a comma, so that its memory is small and stays so, whatever the bodies.
 */
export function scanValues(bytes: Buffer, at: number, target: ScannedRows, from: number): number {
  const { rows, count, acceptsMissing } = target;
  const end = bytes.indexOf(CLOSE_BRACKET, at);
  if (end === -1) return DECLINED;
  const { text, values } = kernel;
  let left = count;
  while (at <= end) {
    const stop = end - at <= text.length ? end : bytes.lastIndexOf(COMMA, at + text.length);
    // A piece without a comma: nobody writes such numbers.
    if (stop < at) return DECLINED;
    bytes.copy(text, 0, at, stop);
    const found = kernel.scan(stop - at, acceptsMissing);
    if (found === 0 || found > left) return DECLINED;
    rows.set(values.subarray(0, found), from + count - left);
    left -= found;
    at = stop + 1;
  }
  return left === 0 ? at : DECLINED;
}
