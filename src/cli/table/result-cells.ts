import type { Cell } from '../../lots/part-columns.js';
import type { PartResults } from '../../stdf/stdf.js';

/** What a row of a long table says of a result, besides its part and its value. */
export const RESULT_SHAPE = [
  { name: 'part_index', type: 'INT32' },
  { name: 'test_number', type: 'DOUBLE' },
  { name: 'test_name', type: 'STRING' },
  { name: 'kind', type: 'STRING' },
  { name: 'position', type: 'INT32' },
  { name: 'pin', type: 'STRING' },
  { name: 'unit', type: 'STRING' },
  { name: 'low_limit', type: 'FLOAT' },
  { name: 'high_limit', type: 'FLOAT' },
  { name: 'verdict', type: 'STRING' },
  { name: 'test_flag', type: 'INT32' },
  { name: 'parm_flag', type: 'INT32' },
] as const;

/** The cells behind `part_index`, of the result at `i`. */
export function resultCells(results: PartResults, i: number): Cell[] {
  const test = results.test(i);
  const limits = results.limits(i);
  const verdict = results.verdict(i);
  const flags = results.flags[i] ?? 0;
  return [
    test.testNum,
    test.testTxt.trim(),
    test.kind,
    test.position,
    test.pin,
    results.display(i).units.trim() || undefined,
    limits.lo,
    limits.hi,
    verdict === 'none' ? undefined : verdict,
    flags & 0xff,
    flags >> 8,
  ];
}
