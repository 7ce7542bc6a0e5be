import type { TestLimits } from './limits-and-display.js';
import type { StdfRecord } from './records.js';

/**
 * What the flag bytes say (stdf-v4.md section 5). Never recompute a verdict from limits: limits may
 * be absent, guard-banded or alternate, and an alarm fails a test whose value lies inside.
 */
export type FlagVerdict = 'pass' | 'fail' | 'none';

/** TEST_FLG: bit 6 no verdict, bit 7 failed. Says nothing of whether the value can be used. */
export function testVerdict(testFlg: number): FlagVerdict {
  return verdictOf(testFlg & 0xc0, 0x80);
}

/** TEST_FLG without its verdict of failing. */
export function withoutFail(testFlg: number): number {
  return testFlg & ~0x80;
}

/** RTN_STAT: failed low, high, midband, with a glitch, open, short. */
const STATE_FAILED = { from: 5, to: 10 };

/**
 * Which positions of an MPR that failed are meant: TEST_FLG is of the whole record. Those whose state or whose place
 * outside of the limits says so; where none does, such as for an alarm, all.
 * @returns undefined for all
 */
export function failedPositions(
  { rtnRslt = [], rtnStat = [], testFlg }: StdfRecord<'Mpr'>,
  { lo = Number.NEGATIVE_INFINITY, hi = Number.POSITIVE_INFINITY }: TestLimits,
): ReadonlySet<number> | undefined {
  if (testVerdict(testFlg) !== 'fail') return undefined;
  const failed = new Set<number>();
  rtnRslt.forEach((value, position) => {
    const state = rtnStat.length === rtnRslt.length ? (rtnStat[position] ?? 0) : 0;
    const says = state >= STATE_FAILED.from && state <= STATE_FAILED.to;
    if (says || value < lo || value > hi) failed.add(position);
  });
  return failed.size === 0 ? undefined : failed;
}

/** PART_FLG: bit 4 no verdict, bit 3 failed. */
export function partVerdict(partFlg: number): FlagVerdict {
  return verdictOf(partFlg & 0x18, 0x08);
}

function verdictOf(bits: number, failed: number): FlagVerdict {
  return bits === 0 ? 'pass' : bits === failed ? 'fail' : 'none';
}

/** TEST_FLG bits 0 to 5: alarm, invalid, unreliable, timeout, not executed, aborted. */
const TEST_UNUSABLE = 0x3f;
/** PARM_FLG bits 0 to 2: scale error, drift, oscillation. */
const PARM_UNUSABLE = 0x07;

/**
 * Whether the value of a PTR or MPR can go into a statistic or a model. An alarmed RESULT is the
 * instrument's clamp, not the device's value.
 */
export function isUsable(testFlg: number, parmFlg: number): boolean {
  return (testFlg & TEST_UNUSABLE) === 0 && (parmFlg & PARM_UNUSABLE) === 0;
}

/** TEST_FLG bit 0. */
export function isAlarm(testFlg: number): boolean {
  return (testFlg & 0x01) !== 0;
}

/** TEST_FLG bit 4 with PARM_FLG 0: the record may only declare its test (stdf-v4.md section 6). */
export function isDeclaration(testFlg: number, parmFlg: number): boolean {
  return (testFlg & 0x10) !== 0 && parmFlg === 0;
}

/** PART_FLG bit 2: testing ended abnormally; the part's data is not complete. */
export function endedAbnormally(partFlg: number): boolean {
  return (partFlg & 0x04) !== 0;
}

/** PART_FLG bits 0 and 1: which earlier part this one replaces, the one with its id or its place. */
export function replaces(partFlg: number): 'part_id' | 'position' | undefined {
  if ((partFlg & 0x01) !== 0) return 'part_id';
  return (partFlg & 0x02) !== 0 ? 'position' : undefined;
}
