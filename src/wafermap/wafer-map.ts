import type { Decision } from '../die/prediction.js';

/** One place of a wafer map. Several touchdowns of a die are one place: the last one counts. */
export interface MapDie {
  /** Column and row as the tester counts them (STDF X_COORD, Y_COORD). */
  readonly x: number;
  readonly y: number;
  readonly dieId: string;
  /** What the model says; undefined for a die that was not scored. */
  readonly prediction: Decision | undefined;
  readonly score: number | undefined;
  /** What the tester's own bins say; undefined where the file does not. */
  readonly testerVerdict: Decision | undefined;
  readonly hardBin: number | undefined;
  readonly softBin: number | undefined;
  /** The tests that contributed most to the score, largest first, ready to be shown. */
  readonly reasons: readonly string[];
}

/** Where the flat or notch is, as the picture is drawn. */
export type FlatSide = 'up' | 'down' | 'left' | 'right';

/** What is drawn of one wafer. */
export interface WaferMap {
  readonly lotId: string | undefined;
  readonly waferId: string | undefined;
  readonly dies: readonly MapDie[];
  readonly flat: FlatSide | undefined;
  /** Whether x grows to the left and y grows upwards on the wafer (STDF WCR POS_X, POS_Y). */
  readonly xGrowsLeft: boolean;
  readonly yGrowsUp: boolean;
  /** A die fails above this score. */
  readonly threshold: number;
}
