import type { FlagVerdict } from './flags.js';
import type { PartResults } from './part-results.js';
import type { StdfRecord } from './records.js';

/** A wafer of the file, filled as its records come. */
export interface Wafer {
  /** Position among the wafers of the lot, from 0. */
  readonly index: number;
  readonly wir: StdfRecord<'Wir'>;
  /** Undefined until the wafer has ended; the last one of a wafer that was opened again. */
  readonly wrr: StdfRecord<'Wrr'> | undefined;
  /** One for each time that it was ended. */
  readonly wrrs: readonly StdfRecord<'Wrr'>[];
  /** WAFER_ID of the WRR, else of the WIR; undefined where neither has one. */
  readonly waferId: string | undefined;
}

/** Why a part was given out. Only one that `ended` may be scored. */
type PartEnd = 'ended' | 'not_ended';

/**
 * One touchdown on one part: everything that the file says between its PIR and its PRR, whatever
 * other sites wrote in between.
 */
export interface Part {
  /** Position among the parts of the file, from 0, in the order in which they ended. */
  readonly index: number;
  readonly headNum: number;
  readonly siteNum: number;
  /** Undefined for packaged parts (no WIR), and for parts outside any wafer. */
  readonly wafer: Wafer | undefined;
  /** `not_ended`: no PRR came before the next PIR of its site, or before the end of the file. */
  readonly end: PartEnd;
  /** Undefined where there is no PRR or the field is missing; the same holds below. */
  readonly partId: string | undefined;
  readonly partTxt: string | undefined;
  readonly x: number | undefined;
  readonly y: number | undefined;
  readonly hardBin: number | undefined;
  readonly softBin: number | undefined;
  /** PART_FLG as it stands. */
  readonly partFlg: number | undefined;
  readonly verdict: FlagVerdict;
  /** PART_FLG bit 2: do not use its data as complete. */
  readonly abnormal: boolean;
  /** NUM_TEST: tests executed by the tester's count; more than `results` where it samples. */
  readonly numTest: number | undefined;
  readonly testTimeMs: number | undefined;
  /** In the order of the program; empty where the tester recorded none, which is not "all zero". */
  readonly results: PartResults;
  /** PART_FLG bits 0 and 1: that it replaces the part with the same id or place; most files do not say. */
  readonly retestFlag: 'part_id' | 'position' | undefined;
  /**
   * How many parts of the file had ended when this one began: one that ended later was on test together
   * with it, and is another die.
   */
  readonly openedAfter: number;
  /** Position of its lot among the lots of the file, from 0. */
  readonly lot: number;
}
