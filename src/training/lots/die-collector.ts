import type { Lot, Part, TestDefinition, Wafer } from '../../stdf/stdf.js';
import type { CountingTouchdown, ReasonForPart } from './lot-account.js';

/** Columns of the wafer, both ends included. */
export interface ColumnRange {
  readonly from: number;
  readonly to: number;
}

export interface CollectorOptions {
  readonly touchdown: CountingTouchdown;
  /** Take only parts whose X_COORD is within; by default all. */
  readonly x?: ColumnRange | undefined;
}

/** A part as the trainer needs it. */
export interface CollectedDie {
  /** float32 by column of {@link DieCollector.testNumbers}; NaN or shorter where there is no value. */
  readonly values: Float32Array;
  readonly passing: boolean;
  /** Soft bin of a failing die, with the file's name for it. */
  readonly defect: string | undefined;
  readonly lot: string;
  /** Undefined for packaged parts. */
  readonly wafer: string | undefined;
  /** Position of its file among the files, from 0. */
  readonly file: number;
}

/** Takes the parts of lot files, one at a time, and keeps one touchdown of each die. Pure. */
export interface DieCollector {
  part(part: Part): void;
  /** Ends a file; `name` stands for the lot where the file does not name it. */
  endFile(lot: Lot, name: string): void;
  /** TEST_NUM of each column of the values. */
  testNumbers(): readonly number[];
  /** The dies to learn from, and how many touchdowns are none. */
  finish(): {
    readonly dies: readonly CollectedDie[];
    readonly touchdowns: number;
    readonly leftOut: Record<ReasonForPart, number>;
  };
}

interface Touchdown extends Pick<Part, 'x' | 'y' | 'softBin' | 'hardBin'> {
  reason: ReasonForPart | undefined;
  readonly values: Float32Array;
  readonly passing: boolean;
  /** The file's own object, whose id is final once the wafer has ended. */
  readonly wafer: Wafer | undefined;
}

interface OpenDie extends Omit<CollectedDie, 'values' | 'passing'> {
  readonly touchdown: Touchdown;
}

const NO_COLUMN = -1;
const NO_VALUES = new Float32Array(0);

/**
 * Retests within a file are those of the part assembler, flagged or not. Between files a die is the
 * same where lot, wafer and both coordinates are given and equal: then files count in their order.
 */
export function createDieCollector({ touchdown: counts, x: columns }: CollectorOptions): DieCollector {
  const columnOf = new Map<number, number>();
  const dies: OpenDie[] = [];
  const dieByPlace = new Map<string, Touchdown>();
  let ofFile = new Map<number, Touchdown>();
  let file = 0;

  /** The column of each test of the file, by its index: found once for each test. */
  let columnOfTest: number[] = [];

  function columnFor({ kind, testNum, position }: TestDefinition): number {
    if (kind === 'Ftr' || (position ?? 1) > 1) return NO_COLUMN;
    let column = columnOf.get(testNum);
    if (column === undefined) {
      column = columnOf.size;
      columnOf.set(testNum, column);
    }
    return column;
  }

  function valuesOf({ results }: Part): Float32Array {
    for (let i = 0; i < results.length; i++) {
      const test = results.tests[i] ?? 0;
      columnOfTest[test] ??= columnFor(results.test(i));
    }
    const values = new Float32Array(columnOf.size).fill(Number.NaN);
    for (let i = 0; i < results.length; i++) {
      const column = columnOfTest[results.tests[i] ?? 0] ?? NO_COLUMN;
      if (column !== NO_COLUMN && results.isUsable(i)) values[column] = results.values[i] ?? Number.NaN;
    }
    return values;
  }

  function reasonFor(part: Part): ReasonForPart | undefined {
    if (part.end === 'not_ended') return 'not_ended';
    if (part.abnormal) return 'abnormal';
    if (part.verdict === 'none') return 'no_verdict';
    const outside =
      columns !== undefined && !(Number(part.x) >= columns.from && Number(part.x) <= columns.to);
    return outside ? 'outside' : undefined;
  }

  function supersede(earlier: Touchdown | undefined, later: Touchdown): Touchdown {
    if (earlier === undefined) return later;
    const [kept, other] = counts === 'last' ? [later, earlier] : [earlier, later];
    other.reason = 'superseded';
    return kept;
  }

  return {
    testNumbers: () => [...columnOf.keys()],

    part(part) {
      const reason = reasonFor(part);
      const values = reason === undefined ? valuesOf(part) : NO_VALUES;
      const measured = values.some((value) => !Number.isNaN(value));
      const { index, x, y, softBin, hardBin, wafer, verdict, replaces } = part;
      const touchdown: Touchdown = {
        ...{ x, y, softBin, hardBin, wafer, passing: verdict === 'pass' },
        reason: reason ?? (measured ? undefined : 'unmeasured'),
        values: measured ? values : NO_VALUES,
      };
      // A third touchdown names the second: with `first` both are out, as the first one counts.
      supersede(replaces === undefined ? undefined : ofFile.get(replaces), touchdown);
      ofFile.set(index, touchdown);
    },

    endFile({ mir, softBins, tests }, name) {
      tests.forEach(columnFor);
      const lotId = mir?.lotId.trim() ?? '';
      const names = new Map(softBins.map(({ bin, name }) => [bin, name?.trim() ?? '']));
      for (const touchdown of ofFile.values()) {
        const waferId = touchdown.wafer?.waferId?.trim() ?? '';
        const lot = lotId === '' ? name : lotId;
        dies.push({
          touchdown,
          lot,
          wafer: waferKey(lot, waferId, touchdown.wafer),
          defect: touchdown.passing ? undefined : binOf(touchdown, names),
          file,
        });
        const { x, y, reason } = touchdown;
        const placed = lotId !== '' && waferId !== '' && x !== undefined && y !== undefined;
        if (!placed || reason === 'superseded') continue;
        const place = JSON.stringify([lotId, waferId, x, y]);
        dieByPlace.set(place, supersede(dieByPlace.get(place), touchdown));
      }
      ofFile = new Map();
      columnOfTest = [];
      file += 1;
    },

    finish() {
      const leftOut = { superseded: 0, not_ended: 0, abnormal: 0, no_verdict: 0, outside: 0, unmeasured: 0 };
      for (const { touchdown } of dies) if (touchdown.reason !== undefined) leftOut[touchdown.reason] += 1;
      return {
        dies: dies
          .filter(({ touchdown }) => touchdown.reason === undefined)
          .map(({ touchdown: { values, passing }, ...die }) => ({ ...die, values, passing })),
        touchdowns: dies.length,
        leftOut,
      };
    },
  };
}

function waferKey(lot: string, waferId: string, wafer: Wafer | undefined): string | undefined {
  return wafer === undefined ? undefined : `${lot}|${waferId === '' ? `#${wafer.index}` : waferId}`;
}

/** The soft bin says why a part failed; the hard bin only where it went. */
function binOf({ softBin, hardBin }: Touchdown, names: ReadonlyMap<number, string>): string | undefined {
  if (softBin === undefined) return hardBin === undefined ? undefined : `hard bin ${hardBin}`;
  return `soft bin ${softBin} ${names.get(softBin) ?? ''}`.trim();
}
