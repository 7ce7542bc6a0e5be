import type { Part } from '../../stdf/stdf.js';

/** What of a part says which die it is. */
export type TouchedPart = Pick<
  Part,
  | 'index'
  | 'headNum'
  | 'siteNum'
  | 'end'
  | 'wafer'
  | 'x'
  | 'y'
  | 'partId'
  | 'verdict'
  | 'hardBin'
  | 'openedAfter'
  | 'retestFlag'
>;

/** One touchdown: a part, and the pass of its lot in which it was tested. */
export interface Touchdown {
  readonly part: TouchedPart;
  /** Number of the pass, in the order in which passes began. */
  readonly pass: number;
}

/** Whether each of two parts of a file began before the other had ended. */
export function together(earlier: Touchdown | undefined, later: Touchdown): boolean {
  return earlier?.pass === later.pass && earlier.part.index >= later.part.openedAfter;
}
