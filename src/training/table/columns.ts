import { Fault } from '../../errors.js';
import { selectColumns } from './ranges.js';

/** Longest parameter name that a manifest holds. */
const MAX_NAME_LENGTH = 128;

/** Columns that say which die a row is and what the tester found: what `score` reads beside the parameters. */
export const DIE_COLUMNS = [
  'die_id',
  'lot_id',
  'wafer_id',
  'x',
  'y',
  'equipment_id',
  'site',
  'hard_bin',
  'soft_bin',
  'label',
] as const;

/** Columns that say where a die came from or what became of it: never parameters unless asked for. */
const CONTEXT_COLUMNS: ReadonlySet<string> = new Set([
  ...DIE_COLUMNS,
  'stdf_file',
  'sublot_id',
  'part_id',
  'head',
  'started',
  'part_flag',
  'test_time_ms',
  'defect',
  'row',
  'id',
  'time',
  'timestamp',
  'date',
]);

const DEFAULT_LABEL_COLUMN = 'label';

/** What a CSV's columns mean; positions in the header, -1 where there is no such column. */
export interface Columns {
  readonly header: readonly string[];
  readonly label: number;
  readonly defect: number;
  readonly wafer: number;
  readonly lot: number;
  readonly equipment: number;
  readonly site: number;
  /** Columns that are parameters if they hold numbers. */
  readonly candidates: readonly number[];
  /** Whether the user named the parameters, so that a text cell there is a fault, not a hint. */
  readonly named: boolean;
}

export interface ColumnOptions {
  /** Column that says pass or fail; by default `label` if there is one. */
  readonly label?: string | undefined;
  /** Columns that are kept as text besides, whatever they hold; one that is not there is none. */
  readonly texts?: readonly string[] | undefined;
  /** Names or ranges such as `s000..s511`; by default every column of numbers that is not context. */
  readonly parameters?: string | undefined;
}

/** Reads a header. Refuses empty and duplicate names, and options that name no column. */
export function readColumns(file: string, fields: readonly string[], options: ColumnOptions): Columns {
  const header = fields.map((name) => name.trim());
  const problems = headerProblems(file, header);
  const labelName = options.label ?? DEFAULT_LABEL_COLUMN;
  const label = header.indexOf(labelName);
  if (options.label !== undefined && label < 0) {
    problems.push(`${file}: no column "${options.label}" in the header, expected the one of --label`);
  }
  if (problems.length > 0) throw new Fault('invalid_data', problems);

  const named = options.parameters !== undefined;
  const names = named
    ? selectColumns(header, options.parameters)
    : header.filter(
        (name) =>
          name !== labelName && !CONTEXT_COLUMNS.has(name.toLowerCase()) && !options.texts?.includes(name),
      );
  if (named && label >= 0 && names.includes(labelName)) {
    throw new Fault('invalid_usage', [`--parameters: "${labelName}" is the label, not a parameter`]);
  }
  return {
    header,
    label,
    defect: header.indexOf('defect'),
    wafer: header.indexOf('wafer_id'),
    lot: header.indexOf('lot_id'),
    equipment: header.indexOf('equipment_id'),
    site: header.indexOf('site'),
    candidates: names.map((name) => header.indexOf(name)),
    named,
  };
}

function headerProblems(file: string, header: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return header.flatMap((name, i) => {
    const column = i + 1;
    const first = seen.get(name);
    seen.set(name, first ?? column);
    if (name === '') return [`${file}: column ${column} has no name in the header`];
    if (name.length > MAX_NAME_LENGTH) {
      return [
        `${file}: the name of column ${column} has ${name.length} characters, expected at most ${MAX_NAME_LENGTH}`,
      ];
    }
    if (first !== undefined) return [`${file}: columns ${first} and ${column} are both named "${name}"`];
    return [];
  });
}
