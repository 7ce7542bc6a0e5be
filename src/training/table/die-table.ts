/** Where dies of a table came from. */
export interface DieSource {
  /** File name without its folder. */
  readonly name: string;
  /** SHA-256, lower-case hex: of a CSV's text (after decompression), of a lot file as it lies. */
  readonly sha256: string;
  /** Dies taken from it. */
  readonly dies: number;
}

/** Measured dies in memory: what the trainer learns from. */
export interface DieTable {
  /** Names of the test parameters, in the order of the model's input. */
  readonly parameters: readonly string[];
  readonly dies: number;
  /** float32 [dies, parameters] row-major, as the model will see them; NaN is a missing value. */
  readonly values: Float32Array;
  /** Whether the file said which dies are good; if not, all count as passing. */
  readonly labelled: boolean;
  /** [dies]: 1 for a passing die. */
  readonly passing: Uint8Array;
  /** [dies]: the defect mode that the file names, where it does. */
  readonly defects: readonly (string | undefined)[];
  /** [dies]: lot of each die, where the file has a lot column. */
  readonly lots: readonly string[] | undefined;
  /** [dies]: wafer of each die (lot and wafer id), where the file has a wafer column. */
  readonly wafers: readonly string[] | undefined;
  /** [dies]: equipment that each die was measured on, where the file has the column. */
  readonly equipment?: readonly string[] | undefined;
  /** [dies]: site of the tester that each die was measured at, where the file has the column. */
  readonly sites?: readonly string[] | undefined;
  /** [dies]: the cells of columns that were asked for as text, by their names. */
  readonly texts?: ReadonlyMap<string, readonly string[]>;
  /** [dies]: hard bin of each die, where lots were read. */
  readonly hardBins?: readonly (number | undefined)[] | undefined;
  /** Columns that are neither parameters nor known context: not numbers, so left out. */
  readonly ignoredColumns: readonly string[];
  readonly sources: readonly DieSource[];
}

/** Whether a die's measurement lacks any value. */
export function hasMissingValues({ values }: Pick<DieTable, 'values'>): boolean {
  return values.some((value) => Number.isNaN(value));
}

/** The measurements of the given dies (row numbers): float32 [rows, parameters] row-major, a copy. */
export function takeDies({ values, parameters }: DieTable, rows: readonly number[]): Float32Array {
  const width = parameters.length;
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    taken.set(values.subarray(row * width, (row + 1) * width), i * width);
  });
  return taken;
}
