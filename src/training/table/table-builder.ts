import { Fault } from '../../errors.js';
import { DieSample, sampleTooSmall } from '../die-sample.js';
import { parseMeasuredValue, parsePassing } from './cells.js';
import { type ColumnOptions, type Columns, readColumns } from './columns.js';
import type { DieSource, DieTable } from './die-table.js';

/** Reading stops after this many faults: the rest are usually the same one again. */
const MAX_PROBLEMS = 20;

/** Gathers CSV records into a table, one at a time. */
interface TableBuilder {
  /** The first record of a file. Every file must have the first one's header. */
  header(file: string, fields: readonly string[]): void;
  /** One die. `line` is the line in the file, for messages. */
  die(file: string, line: number, fields: readonly string[]): void;
  /** The table of all dies taken. Throws what was wrong with them. */
  finish(sources: readonly DieSource[]): DieTable;
}

export interface TableOptions extends ColumnOptions {
  /** Keep at most so many dies, of whole wafers where the table names them; by default all. */
  readonly sample?: number | undefined;
}

export function createTableBuilder(options: TableOptions): TableBuilder {
  const problems: string[] = [];
  const sample = options.sample === undefined ? undefined : new DieSample(options.sample);
  // Of each row the file that it is in, and what it is drawn with.
  const files: number[] = [];
  const units: string[] = [];
  let position = -1;
  const rows: Float32Array[] = [];
  const passing: number[] = [];
  const defects: (string | undefined)[] = [];
  const lots: string[] = [];
  const wafers: string[] = [];
  const equipment: string[] = [];
  const sites: string[] = [];
  const texts = new Map<string, string[]>();
  let columns: Columns | undefined;
  // What a candidate column holds is known from its first value that is not missing.
  let kinds: ('unknown' | 'number' | 'text')[] = [];

  const report = (problem: string) => {
    problems.push(problem);
    if (problems.length >= MAX_PROBLEMS) throw new Fault('invalid_data', problems);
  };

  const value = (file: string, line: number, candidate: number, name: string, cell: string): number => {
    const parsed = parseMeasuredValue(cell);
    if (parsed === undefined) {
      if (kinds[candidate] === 'unknown' && !columns?.named) kinds[candidate] = 'text';
      if (kinds[candidate] !== 'text') {
        report(
          `${file}, line ${line}, column "${name}": found ${quote(cell)}, expected a number that float32 can hold, or nothing`,
        );
      }
      return Number.NaN;
    }
    if (kinds[candidate] === 'unknown' && !Number.isNaN(parsed)) kinds[candidate] = 'number';
    return parsed;
  };

  /** Lets go of the rows of what is not in the sample. */
  function keepOnly(left: ReadonlySet<string>): void {
    const isKept = units.map((unit) => left.has(unit));
    const columnsOfRows: unknown[][] = [rows, passing, defects, lots, wafers, equipment, sites, files, units];
    for (const column of [...columnsOfRows, ...texts.values()]) keepWhere(column, isKept);
  }

  return {
    header(file, fields) {
      position++;
      const read = readColumns(file, fields, options);
      if (columns === undefined) {
        columns = read;
        kinds = read.candidates.map(() => 'unknown');
        for (const name of options.texts ?? []) if (read.header.includes(name)) texts.set(name, []);
        return;
      }
      const first = columns.header;
      const differs = first.findIndex((name, i) => name !== read.header[i]);
      if (differs >= 0 || first.length !== read.header.length) {
        const at = differs >= 0 ? differs : first.length;
        throw new Fault('invalid_data', [
          `${file}: column ${at + 1} is ${quote(read.header[at])}, expected ${quote(first[at])} as in the first file`,
        ]);
      }
    },

    die(file, line, fields) {
      if (columns === undefined) throw new Error('header() comes before die()');
      const { header, candidates, label, defect, wafer, lot } = columns;
      if (fields.length !== header.length) {
        report(
          `${file}, line ${line}: found ${fields.length} cells, expected ${header.length} as in the header`,
        );
        return;
      }
      const pass = label < 0 ? true : parsePassing(fields[label] ?? '');
      if (pass === undefined) {
        report(
          `${file}, line ${line}, column "${header[label]}": found ${quote(fields[label])}, expected pass or fail, 0 or 1, -1 or 1 (1 is fail)`,
        );
      }
      const row = new Float32Array(candidates.length);
      candidates.forEach((column, c) => {
        row[c] = value(file, line, c, header[column] ?? '', fields[column] ?? '');
      });
      const lotId = lot < 0 ? '' : (fields[lot] ?? '');
      const waferKey = wafer < 0 ? undefined : `${lotId}|${fields[wafer] ?? ''}`;
      const unit = waferKey ?? `row ${position}.${line}`;
      if (sample?.take(unit) === false) return;
      files.push(position);
      units.push(unit);
      rows.push(row);
      passing.push(pass === false ? 0 : 1);
      defects.push(defect < 0 ? undefined : (fields[defect] ?? '').trim() || undefined);
      if (lot >= 0) lots.push(lotId);
      if (columns.equipment >= 0) equipment.push(fields[columns.equipment] ?? '');
      if (columns.site >= 0) sites.push(fields[columns.site] ?? '');
      for (const [name, cells] of texts) cells.push((fields[header.indexOf(name)] ?? '').trim());
      if (waferKey !== undefined) wafers.push(waferKey);
      if (sample?.isOverfull) keepOnly(sample.giveUp());
    },

    finish(sources) {
      if (columns === undefined) throw new Fault('invalid_data', ['no header: expected a CSV file with one']);
      if (problems.length > 0) throw new Fault('invalid_data', problems);
      if (sample !== undefined) keepOnly(sample.giveUp());
      if (rows.length === 0 && sample !== undefined && sample.seen > 0) throw sampleTooSmall(options.sample);
      if (rows.length === 0)
        throw new Fault('invalid_data', ['no dies below the header (of the rows chosen)']);
      const { header, candidates, label, lot, wafer } = columns;
      const kept = candidates.map((_, c) => c).filter((c) => kinds[c] !== 'text');
      if (kept.length === 0) {
        throw new Fault('invalid_data', ['no parameters: no column but context columns holds numbers']);
      }
      const name = (c: number) => header[candidates[c] ?? -1] ?? '';
      return {
        parameters: kept.map(name),
        dies: rows.length,
        values: pack(rows, kept),
        labelled: label >= 0,
        passing: Uint8Array.from(passing),
        defects,
        lots: lot < 0 ? undefined : lots,
        wafers: wafer < 0 ? undefined : wafers,
        equipment: columns.equipment < 0 ? undefined : equipment,
        sites: columns.site < 0 ? undefined : sites,
        texts,
        ignoredColumns: candidates
          .map((_, c) => c)
          .filter((c) => kinds[c] === 'text')
          .map(name),
        sources: sources.map((source, i) => ({ ...source, dies: files.filter((at) => at === i).length })),
      };
    },
  };
}

/** Of a list of any length: one without an entry for each row has none to lose. */
function keepWhere(list: unknown[], isKept: readonly boolean[]): void {
  let kept = 0;
  for (let i = 0; i < list.length; i++) if (isKept[i]) list[kept++] = list[i];
  list.length = kept;
}

function pack(rows: readonly Float32Array[], kept: readonly number[]): Float32Array {
  const values = new Float32Array(rows.length * kept.length);
  rows.forEach((row, r) => {
    kept.forEach((c, i) => {
      values[r * kept.length + i] = row[c] ?? Number.NaN;
    });
  });
  return values;
}

function quote(cell: string | undefined): string {
  if (cell === undefined) return 'nothing';
  return JSON.stringify(cell.length > 40 ? `${cell.slice(0, 40)}…` : cell);
}
