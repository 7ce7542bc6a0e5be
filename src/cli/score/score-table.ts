import { basename } from 'node:path';
import { positionNamed } from '../../die/categories.js';
import { type CategoryParameter, type DieLabel, knownCategories, MAX_ID_LENGTH } from '../../die/die.js';
import type { Decision } from '../../die/prediction.js';
import { Fault } from '../../errors.js';
import { explanationOf } from '../../lots/explanation.js';
import { whyUnscorableValues } from '../../lots/unscorable.js';
import { explain } from '../../models/decision/explain.js';
import type { Parameter } from '../../models/manifest/input-schema.js';
import type { ModelVersion } from '../../models/model-version.js';
import { parseMeasuredValue, parsePassing } from '../../training/table/cells.js';
import { DIE_COLUMNS } from '../../training/table/columns.js';
import { readTableRecords } from '../../training/table/table-records.js';
import type { JudgedPart } from './agreement.js';
import type { DieScore, OfflineEngine } from './engine.js';
import type { PartOutcome } from './scored-part.js';

/** A row of a table with its prediction. */
export interface ScoredTableRow extends JudgedPart {
  readonly label: DieLabel;
  /** Position among the rows of the file, from 0. */
  readonly index: number;
  /** As the column has it. */
  readonly site: string | undefined;
  readonly hardBin: number | undefined;
  readonly softBin: number | undefined;
  /** How many of the model's parameters have a value. */
  readonly measured: number;
}

/** A CSV or Parquet file, scored. */
export interface ScoredTable {
  readonly file: string;
  readonly rows: readonly ScoredTableRow[];
}

export interface ScoreTableOptions {
  readonly file: string;
  readonly version: ModelVersion;
  readonly engine: OfflineEngine;
  /** Explain each decision with so many parameters; 0 for none. */
  readonly explain: number;
  readonly onProgress: (text: string) => void;
  /** Told of every row that was scored, in their order. */
  readonly onScored?: ((row: RowFacts, params: Float32Array, scored: Float32Array) => void) | undefined;
}

/** What a table says of a row beside its values. */
type RowFacts = Pick<ScoredTableRow, 'label' | 'site' | 'hardBin' | 'softBin' | 'part'>;

/** Rows as they are read: values at once, the rest as cells. */
interface ReadRows {
  readonly columns: TableColumns;
  readonly cells: readonly (readonly string[])[];
  /** float32 [rows, parameters] row-major. */
  readonly params: readonly Float32Array[];
}

/**
 * Scores the rows of a table that `train` takes: a column for each parameter of the model, by its name; columns
 * such as lot_id, x, hard_bin and label say what else is known of a die.
 * @throws Fault `invalid_data` naming columns that are missing, and line and column of what is no number
 */
export async function scoreTable(options: ScoreTableOptions): Promise<ScoredTable> {
  const { file, version, engine } = options;
  const read = await readRows(options);
  const rows: ScoredTableRow[] = [];
  for (let from = 0; from < read.params.length; from += engine.maxDies) {
    const batch = read.params.slice(from, from + engine.maxDies);
    const facts = batch.map((_, i) => factsOf(read.columns, read.cells[from + i] ?? [], from + i, file));
    const outcomes = await scoreBatch(batch, facts, options);
    facts.forEach((row, i) => {
      const measured = (batch[i] ?? []).filter((value) => !Number.isNaN(value)).length;
      const outcome = outcomes[i] ?? { kind: 'not_scored', reason: 'inference_failed' };
      rows.push({ ...row, index: from + i, measured, outcome });
    });
    options.onProgress(`${file}: ${rows.length} of ${read.params.length} scored by ${version.key}`);
  }
  return { file, rows };
}

async function readRows({ file, version }: ScoreTableOptions): Promise<ReadRows> {
  const params: Float32Array[] = [];
  const cells: string[][] = [];
  let columns: TableColumns | undefined;
  await readTableRecords(file, (fields, line) => {
    if (columns === undefined) {
      columns = columnsOf(file, fields, version);
      return;
    }
    params.push(valuesOf(file, line, fields, columns));
    cells.push(columns.context.map((at) => fields[at] ?? ''));
  });
  if (columns === undefined) throw new Fault('invalid_data', [`${file}: empty, expected a header row`]);
  return { columns, cells, params };
}

interface TableColumns {
  readonly width: number;
  /** By the model's parameters: positions in the header. */
  readonly parameters: readonly number[];
  readonly names: readonly string[];
  /** By the model's parameters: what a cell may say, of those that are no numbers. */
  readonly categories: readonly (CategoryParameter | undefined)[];
  /** By DIE_COLUMNS: positions, -1 where there is no such column. */
  readonly context: readonly number[];
}

const MOST_LISTED = 20;

function columnsOf(
  file: string,
  fields: readonly string[],
  { key, manifest, contract }: ModelVersion,
): TableColumns {
  const header = fields.map((field) => field.trim());
  const { parameters } = manifest.input;
  if (typeof parameters === 'number') {
    throw new Fault('invalid_model', [
      `model ${key} does not name its ${parameters} parameters in its manifest, so they cannot be found among the columns of ${file}`,
    ]);
  }
  const names = parameters.map(({ name }) => name);
  const categories = names.map((_, i) => contract.categories?.find(({ index }) => index === i));
  const places = parameters.map((parameter, i) => placeOf(header, parameter, categories[i]));
  const absent = names.filter((_, i) => (places[i] ?? -1) < 0);
  if (absent.length > 0) {
    const more = absent.length > MOST_LISTED ? ` and ${absent.length - MOST_LISTED} more` : '';
    throw new Fault('invalid_data', [
      `${file} lacks the columns of ${absent.length} of the ${names.length} parameters of model ${key}: ${absent.slice(0, MOST_LISTED).join(', ')}${more}`,
    ]);
  }
  return {
    width: header.length,
    names,
    parameters: places,
    categories,
    context: DIE_COLUMNS.map((name) => header.indexOf(name)),
  };
}

/**
 * The column of a parameter: that of its name, also with its unit behind it, as `diegate table` writes them, or, of a
 * category, that of the label that says it; -1 for none.
 */
function placeOf(
  header: readonly string[],
  { name, unit }: Parameter,
  category: CategoryParameter | undefined,
): number {
  const own = header.indexOf(name.trim());
  const withUnit = own >= 0 || unit === undefined ? own : header.indexOf(`${name.trim()} (${unit})`);
  return withUnit >= 0 || category?.label === undefined ? withUnit : header.indexOf(category.label);
}

function valuesOf(
  file: string,
  line: number,
  fields: readonly string[],
  columns: TableColumns,
): Float32Array {
  if (fields.length !== columns.width) {
    throw new Fault('invalid_data', [
      `${file}, line ${line}: found ${fields.length} cells, expected the ${columns.width} of the header`,
    ]);
  }
  return Float32Array.from(columns.parameters, (at, i) => {
    const category = columns.categories[i];
    const cell = fields[at] ?? '';
    const value = category === undefined ? parseMeasuredValue(cell) : categoryIn(cell, category);
    if (value !== undefined) return value;
    const expected =
      category === undefined
        ? 'a number that float32 can hold, or nothing'
        : `${knownCategories(category)}, or nothing`;
    throw new Fault('invalid_data', [
      `${file}, line ${line}, column "${columns.names[i]}": found "${cell}", expected ${expected}`,
    ]);
  });
}

/** A cell as the position of its category, NaN for an empty one; undefined where it is none. */
function categoryIn(cell: string, category: CategoryParameter): number | undefined {
  const text = cell.trim();
  if (text === '') return category.unknown ?? Number.NaN;
  return positionNamed(category, text);
}

async function scoreBatch(
  batch: readonly Float32Array[],
  facts: readonly RowFacts[],
  { engine, version, explain: k, onScored }: ScoreTableOptions,
): Promise<PartOutcome[]> {
  const reasons = batch.map((params) => whyNot(params, version));
  const wanted = batch.filter((_, i) => reasons[i] === undefined);
  const width = version.contract.parameterCount;
  const rows = new Float32Array(wanted.length * width);
  wanted.forEach((params, i) => {
    rows.set(params, i * width);
  });
  const scores = [...(await engine.score(rows, k > 0))];
  return batch.map((params, i): PartOutcome => {
    const reason = reasons[i];
    if (reason !== undefined) return { kind: 'not_scored', reason };
    const score = scores.shift();
    const row = facts[i];
    if (score?.kind === 'scored' && row !== undefined) onScored?.(row, params, score.row);
    return outcomeOf(score, params, version, k);
  });
}

function whyNot(params: Float32Array, { contract }: ModelVersion) {
  const missing = params.filter(Number.isNaN).length;
  return whyUnscorableValues(params.length - missing, params.length, contract.acceptsMissing);
}

function outcomeOf(
  die: DieScore | undefined,
  params: Float32Array,
  version: ModelVersion,
  k: number,
): PartOutcome {
  if (die === undefined || die.kind === 'failed') return { kind: 'not_scored', reason: 'inference_failed' };
  const decided = version.decide(die.row, 0);
  if (decided === undefined) return { kind: 'not_scored', reason: 'not_finite' };
  const { parameters } = version.manifest.input;
  const listed = typeof parameters === 'number' ? [] : parameters;
  const contributions =
    die.contributions === undefined ? [] : explain(k, die.contributions, params, version.manifest);
  return {
    kind: 'scored',
    prediction: decided.prediction,
    confidence: decided.confidence,
    score: decided.anomalyScore,
    explanations: contributions.map((each) => explanationOf(each, listed, undefined)),
  };
}

function factsOf(columns: TableColumns, cells: readonly string[], row: number, file: string): RowFacts {
  const cell = (name: (typeof DIE_COLUMNS)[number]) => {
    const at = DIE_COLUMNS.indexOf(name);
    const text = (columns.context[at] ?? -1) < 0 ? '' : (cells[at] ?? '').trim();
    return text === '' ? undefined : text.slice(0, MAX_ID_LENGTH);
  };
  const whole = (name: (typeof DIE_COLUMNS)[number]) => {
    const text = cell(name);
    return text !== undefined && /^-?\d{1,9}(?:\.0*)?$/.test(text) ? Number(text) : undefined;
  };
  const passing = parsePassing(cell('label') ?? '');
  const testerVerdict: Decision | 'none' = passing === undefined ? 'none' : passing ? 'pass' : 'fail';
  return {
    label: {
      die_id: cell('die_id') ?? `${basename(file).slice(0, 64)}_n${row}`,
      lot_id: cell('lot_id'),
      wafer_id: cell('wafer_id'),
      x: whole('x'),
      y: whole('y'),
      equipment_id: cell('equipment_id'),
    },
    site: cell('site'),
    hardBin: whole('hard_bin'),
    softBin: whole('soft_bin'),
    part: { verdict: testerVerdict },
  };
}
