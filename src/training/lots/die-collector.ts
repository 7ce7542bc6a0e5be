import { createDieRegister, type DieRegister } from '../../lots/dies/die-register.js';
import { lotKeyOf, lotPassOf } from '../../lots/dies/lot-key.js';
import { siteName } from '../../lots/part-groups.js';
import { valueAt } from '../../lots/tests/result-value.js';
import type { Lot, Part, Wafer } from '../../stdf/stdf.js';
import { DieSample } from '../die-sample.js';
import type { CountingTouchdown, ReasonForPart } from './lot-account.js';
import type { LotTests } from './lot-tests.js';

/** Columns of the wafer, both ends included. */
export interface ColumnRange {
  readonly from: number;
  readonly to: number;
}

export interface CollectorOptions {
  readonly touchdown: CountingTouchdown;
  /** Take only parts whose X_COORD is within; by default all. */
  readonly x?: ColumnRange | undefined;
  /** Keep the values of at most so many touchdowns, of whole wafers; by default all. */
  readonly sample?: number | undefined;
}

/** A part as the trainer needs it. */
export interface CollectedDie {
  /** float32 by column of {@link LotTests.tests}; NaN or shorter where there is no value. */
  readonly values: Float32Array;
  readonly passing: boolean;
  /** Soft bin of a failing die, with the file's name for it. */
  readonly defect: string | undefined;
  readonly lot: string;
  /** Undefined for packaged parts. */
  readonly wafer: string | undefined;
  /** Position of its file among the files, from 0. */
  readonly file: number;
  /** Head and site, as `1/0`. */
  readonly site: string;
  /** NODE_NAM of the tester; '' where the file does not say. */
  readonly equipment: string;
  readonly hardBin: number | undefined;
}

/** Takes the parts of lot files, one at a time, and keeps one touchdown of each die. Pure. */
export interface DieCollector {
  part(part: Part, lot: Lot): void;
  /** Ends a file; `name` stands for the lot where the file does not name it. */
  endFile(lots: readonly Lot[], name: string): void;
  /** The dies to learn from, and how many touchdowns are none. */
  finish(): {
    readonly dies: readonly CollectedDie[];
    readonly touchdowns: number;
    readonly leftOut: Record<ReasonForPart, number>;
  };
}

/** A touchdown: a die to be, if it is the one that counts. */
interface Touchdown extends Omit<CollectedDie, 'values' | 'lot' | 'wafer' | 'defect' | 'hardBin'> {
  reason: ReasonForPart | undefined;
  /** By the tests of its lot; by the columns of all lots once its file has ended. */
  values: Float32Array;
  lot: string;
  defect: string | undefined;
  readonly part: Pick<Part, 'softBin' | 'hardBin' | 'wafer'>;
  /** What it is drawn with; '' where none is drawn. */
  readonly unit: string;
}

/** One lot of one file while it is read. */
interface OpenLot {
  readonly lot: Lot;
  readonly touchdowns: Touchdown[];
  readonly mixed: Set<number>;
  /** By the index of a test: the only site that measured it, -1 for several. */
  readonly sites: number[];
}

/** The touchdowns of one lot, of all its files, by the entries of its register. */
interface JoinedLot {
  readonly register: DieRegister;
  readonly touchdowns: Touchdown[];
}

const NO_VALUES = new Float32Array(0);

/** Which touchdowns are of one die says the register that scoring uses; tests are joined by `tests`. */
export function createDieCollector(
  { touchdown: counts, x: columns, sample: most }: CollectorOptions,
  tests: LotTests,
): DieCollector {
  const joined = new Map<unknown, JoinedLot>();
  const memory = new RowMemory();
  const sample = most === undefined ? undefined : new DieSample(most);
  let open: OpenLot[] = [];
  let file = 0;

  function openLot(part: Part, lot: Lot): OpenLot {
    const known = open[part.lot];
    if (known !== undefined) return known;
    const opened = { lot, touchdowns: [], mixed: new Set<number>(), sites: [] };
    open[part.lot] = opened;
    joinedLot(lot).register.begin(lotPassOf(lot));
    return opened;
  }

  function joinedLot(lot: Lot): JoinedLot {
    const key = lotKeyOf(lot) ?? lot;
    const known = joined.get(key) ?? { register: createDieRegister(), touchdowns: [] };
    joined.set(key, known);
    return known;
  }

  function reasonFor(part: Part): ReasonForPart | undefined {
    if (part.end === 'not_ended') return 'not_ended';
    if (part.abnormal) return 'abnormal';
    if (part.verdict === 'none') return 'no_verdict';
    const outside =
      columns !== undefined && !(Number(part.x) >= columns.from && Number(part.x) <= columns.to);
    return outside ? 'outside' : undefined;
  }

  /** Lets go of the values of what is not in the sample. */
  function keepOnly(units: ReadonlySet<string>): void {
    for (const { touchdowns } of joined.values()) {
      for (const touchdown of touchdowns) {
        if (touchdown.values.length === 0 || units.has(touchdown.unit)) continue;
        touchdown.values = NO_VALUES;
        touchdown.reason = 'not_sampled';
      }
    }
  }

  return {
    part(part, lot) {
      const ofLot = openLot(part, lot);
      const unit = sample === undefined ? '' : unitOf(part, lot, file);
      const reason = reasonFor(part) ?? (sample?.take(unit) === false ? 'not_sampled' : undefined);
      const values = reason === undefined ? valuesOf(part, ofLot, memory) : NO_VALUES;
      const { softBin, hardBin, wafer, verdict } = part;
      const touchdown: Touchdown = {
        reason,
        values,
        passing: verdict === 'pass',
        lot: '',
        defect: undefined,
        part: { softBin, hardBin, wafer },
        file,
        site: siteName(part),
        equipment: lot.mir?.nodeNam.trim() ?? '',
        unit,
      };
      const { register, touchdowns } = joinedLot(lot);
      touchdowns[register.add(part)] = touchdown;
      ofLot.touchdowns.push(touchdown);
      if (sample?.isOverfull) keepOnly(sample.giveUp());
    },

    endFile(lots, name) {
      // A lot without parts has tests, too.
      const all = lots.map(
        (lot, i) => open[i] ?? { lot, touchdowns: [], mixed: new Set<number>(), sites: [] },
      );
      for (const { lot, touchdowns, mixed, sites } of all) {
        const target = tests.add(lot, name, mixed, sites);
        const lotId = lot.mir?.lotId.trim() ?? '';
        const names = new Map(lot.softBins.map(({ bin, name: text }) => [bin, text?.trim() ?? '']));
        for (const touchdown of touchdowns) {
          touchdown.lot = lotId === '' ? name : lotId;
          touchdown.defect = touchdown.passing ? undefined : binOf(touchdown.part, names);
          touchdown.values = arranged(touchdown.values, target.columns, target.factors);
          // Of tests that are none to learn from nothing is learnt.
          if (!touchdown.values.some((value) => !Number.isNaN(value))) touchdown.reason ??= 'unmeasured';
        }
      }
      open = [];
      file += 1;
    },

    finish() {
      if (sample !== undefined) keepOnly(sample.giveUp());
      const leftOut = {
        ...{ superseded: 0, not_ended: 0, abnormal: 0, no_verdict: 0, outside: 0 },
        ...{ unmeasured: 0, not_sampled: 0 },
      };
      const dies: CollectedDie[] = [];
      let touchdowns = 0;
      for (const { register, touchdowns: all } of joined.values()) {
        const { replaces, replacedBy } = register.finish();
        const other = counts === 'last' ? replacedBy : replaces;
        touchdowns += all.length;
        all.forEach((touchdown, entry) => {
          const reason = (other[entry] ?? -1) >= 0 ? 'superseded' : touchdown.reason;
          if (reason !== undefined) leftOut[reason] += 1;
          else dies.push(dieOf(touchdown));
        });
      }
      return { dies, touchdowns, leftOut };
    },
  };
}

/** The wafer of a part; of packaged parts each for itself, all touchdowns of one PART_ID together. */
function unitOf({ wafer, partId, index }: Part, lot: Lot, file: number): string {
  const lotId = lot.mir?.lotId.trim() ?? '';
  return waferKey(lotId, wafer) ?? `${lotId}|part ${partId?.trim() || `${file}.${index}`}`;
}

/** float32 by the tests of the part's lot. */
function valuesOf(
  { results, siteNum }: Part,
  { lot, mixed, sites }: OpenLot,
  memory: RowMemory,
): Float32Array {
  const values = memory.row(lot.tests.length);
  for (let i = 0; i < results.length; i++) {
    const test = results.tests[i] ?? 0;
    const value = valueAt(results, i);
    if (Number.isNaN(value)) continue;
    values[test] = value;
    if (results.hasOwnFacts(i) && results.display(i).units !== results.test(i).display.units) mixed.add(test);
    const site = sites[test];
    if (site !== siteNum) sites[test] = site === undefined ? siteNum : -1;
  }
  return values;
}

/** The values in the columns of all lots: the same array where they are there already. */
function arranged(values: Float32Array, columns: Int32Array, factors: Float64Array): Float32Array {
  const inPlace = values.every((_, test) => columns[test] === test && factors[test] === 1);
  if (values.length === 0 || inPlace) return values;
  const placed = new Float32Array(1 + columns.reduce((most, column) => Math.max(most, column), -1)).fill(
    Number.NaN,
  );
  values.forEach((value, test) => {
    const column = columns[test] ?? -1;
    if (column >= 0 && !Number.isNaN(value)) placed[column] = value * (factors[test] ?? 1);
  });
  return placed;
}

function dieOf({ values, passing, defect, lot, file, site, equipment, part }: Touchdown): CollectedDie {
  const { wafer, hardBin } = part;
  return { values, passing, defect, lot, file, site, equipment, hardBin, wafer: waferKey(lot, wafer) };
}

function waferKey(lot: string, wafer: Wafer | undefined): string | undefined {
  if (wafer === undefined) return undefined;
  const waferId = wafer.waferId?.trim() ?? '';
  return `${lot}|${waferId === '' ? `#${wafer.index}` : waferId}`;
}

/** The soft bin says why a part failed; the hard bin only where it went. */
function binOf(
  { softBin, hardBin }: Touchdown['part'],
  names: ReadonlyMap<number, string>,
): string | undefined {
  if (softBin === undefined) return hardBin === undefined ? undefined : `hard bin ${hardBin}`;
  return `soft bin ${softBin} ${names.get(softBin) ?? ''}`.trim();
}

/** Floats of a piece: 4 MB, which the allocator gives back to the system once no row of it is used any more. */
const PIECE_FLOATS = 1024 * 1024;

/**
 * Memory for rows of measurements that are kept until all have come. A hundred thousand small arrays, once let go, would stay
 * with the process: the allocator keeps what is between others for the next small ones.
 */
class RowMemory {
  #piece = new Float32Array(0);
  #used = 0;

  /** @returns float32 [length], NaN */
  row(length: number): Float32Array {
    if (this.#used + length > this.#piece.length) {
      this.#piece = new Float32Array(Math.max(length, PIECE_FLOATS));
      this.#used = 0;
    }
    const row = this.#piece.subarray(this.#used, this.#used + length);
    this.#used += length;
    return row.fill(Number.NaN);
  }
}
