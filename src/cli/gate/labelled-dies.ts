import { positionNamed } from '../../die/categories.js';
import type { CategoryParameter } from '../../die/die.js';
import { Fault } from '../../errors.js';
import { createDieRegister, type DieRegister } from '../../lots/dies/die-register.js';
import { createPartMeasurer, type PartMeasurer } from '../../lots/measure-part.js';
import { testsRefused } from '../../lots/tests/refusal.js';
import { AS_WRITTEN, type TestNaming } from '../../lots/tests/test-identity.js';
import type { ModelVersion } from '../../models/model-version.js';
import { assembleParts } from '../../stdf/stdf.js';
import type { DieTable } from '../../training/table/die-table.js';
import { readDieTable } from '../../training/table/read-die-table.js';
import { lotBytes, namingFile } from '../lot-file.js';
import { readTestNaming } from '../test-naming.js';
import { trainingFormat } from '../training-format.js';
import type { Clustering } from './figures.js';
import { GROUPINGS, type Grouping } from './groups.js';

/** Dies whose true state is known, as each of some versions reads them. */
export interface LabelledDies {
  readonly dies: number;
  /** [dies]: 1 for a die that is really good. */
  readonly passing: Uint8Array;
  /** For each version float32 [dies, its parameters] row-major; NaN is a missing value. */
  readonly rows: readonly Float32Array[];
  /** [dies]: by each grouping the group of each die, where the data says it. */
  readonly groups: Readonly<Record<Grouping, readonly string[] | undefined>>;
  readonly clustering: Clustering;
  /** [dies]: the wafer of each die, with its lot; undefined where the data names none. */
  readonly wafers: readonly string[] | undefined;
}

interface LabelledDiesOptions {
  /** CSV files with one header, or STDF lots whose parts have the tester's verdict. */
  readonly files: readonly string[];
  /** CSV: column that says pass or fail. */
  readonly label?: string | undefined;
  readonly versions: readonly ModelVersion[];
  readonly onProgress: (text: string) => void;
}

/**
 * Reads a labelled set for several versions.
 * @throws Fault `invalid_data` when it cannot be read, has no labels, or not both good and bad dies, and
 * with all versions named when it does not fit what they read
 */
export async function readLabelledDies(options: LabelledDiesOptions): Promise<LabelledDies> {
  const format = await trainingFormat(options.files);
  if (format === 'stdf' && options.label !== undefined) {
    throw new Fault('invalid_usage', ['--label is for CSV files, the files are STDF']);
  }
  const labelled = format === 'stdf' ? await fromLots(options) : await fromTables(options);
  const good = labelled.passing.reduce((sum, one) => sum + one, 0);
  if (good === 0 || good === labelled.dies) {
    throw new Fault('invalid_data', [
      `${options.files.join(', ')}: found ${good} passing and ${labelled.dies - good} failing dies, expected some of both`,
    ]);
  }
  return labelled;
}

async function fromTables({
  files,
  label,
  versions,
  onProgress,
}: LabelledDiesOptions): Promise<LabelledDies> {
  const texts = versions.flatMap(categoryColumns);
  const table = await readDieTable(files, {
    label,
    texts,
    onProgress: (dies) => onProgress(`${dies} dies read`),
  });
  if (!table.labelled) {
    throw new Fault('invalid_data', [
      `${files.join(', ')}: no column "label", expected one that says pass or fail; --label names another`,
    ]);
  }
  const columns = versions.map((version) => columnsOf(version, table));
  const rows = columns.map((found) => (Array.isArray(found) ? take(table, found) : new Float32Array(0)));
  const problems = versions.flatMap((version, v) => {
    const found = columns[v];
    if (typeof found === 'string') return [found];
    return missingProblems(version, rows[v] ?? new Float32Array(0));
  });
  refuseMisfit(problems, files, versions);
  const groups = { equipment_id: table.equipment, site: table.sites, lot_id: table.lots };
  return { dies: table.dies, passing: table.passing, rows, groups, ...clustered(table.dies, table.wafers) };
}

function clustered(dies: number, wafers: readonly string[] | undefined) {
  const clustering: Clustering =
    wafers === undefined ? { by: 'die', clusters: dies } : { by: 'wafer', clusters: new Set(wafers).size };
  return { clustering, wafers };
}

/** Columns that may say a category: by the parameter's own name, or by its label. */
function categoryColumns({ contract: { categories = [] } }: ModelVersion): string[] {
  return categories.flatMap(({ name, label }) => (label === undefined ? [name] : [name, label]));
}

/** Where the value of a parameter stands: a column of numbers, or the cells that say its category. */
type Source = number | { readonly category: CategoryParameter; readonly cells: readonly string[] };

function sourceOf(category: CategoryParameter, { texts }: DieTable): Source | undefined {
  const cells = texts?.get(category.name) ?? texts?.get(category.label ?? '');
  return cells && { category, cells };
}

/** Where a version's parameters are in a table, or why they are not. */
function columnsOf({ key, manifest, contract }: ModelVersion, table: DieTable): Source[] | string {
  const { parameters } = manifest.input;
  if (typeof parameters === 'number') {
    return parameters === table.parameters.length
      ? table.parameters.map((_, column) => column)
      : `${key} reads ${parameters} parameters, the data has ${table.parameters.length}`;
  }
  const at = new Map(table.parameters.map((name, column) => [name, column]));
  const sources = parameters.map(({ name }, i) => {
    const category = contract.categories?.find(({ index }) => index === i);
    return category === undefined ? at.get(name) : sourceOf(category, table);
  });
  const lacking = parameters.filter((_, i) => sources[i] === undefined).map(({ name }) => name);
  if (lacking.length > 0) {
    const more = lacking.length > MAX_LISTED ? ', ...' : '';
    const names = lacking.slice(0, MAX_LISTED).join(', ');
    return `${key} reads ${lacking.length} of ${parameters.length} parameters that the data lacks: ${names}${more}`;
  }
  return sources.filter((source) => source !== undefined);
}

const MAX_LISTED = 5;

function take({ values, dies, parameters }: DieTable, columns: readonly Source[]): Float32Array {
  const taken = new Float32Array(dies * columns.length);
  for (let die = 0; die < dies; die++) {
    columns.forEach((column, i) => {
      taken[die * columns.length + i] =
        typeof column === 'number'
          ? (values[die * parameters.length + column] ?? Number.NaN)
          : categoryAt(column, die);
    });
  }
  return taken;
}

/** The position of a die's category; NaN where nothing says it, or what says it is none. */
function categoryAt({ category, cells }: Exclude<Source, number>, die: number): number {
  const said = cells[die] ?? '';
  return (said === '' ? category.unknown : positionNamed(category, said)) ?? Number.NaN;
}

function missingProblems({ key, contract }: ModelVersion, rows: Float32Array): string[] {
  if (contract.acceptsMissing) return [];
  const first = rows.findIndex((value) => Number.isNaN(value));
  if (first < 0) return [];
  const die = Math.floor(first / contract.parameterCount) + 1;
  return [`${key} does not accept missing values, die ${die} of the data lacks one`];
}

function refuseMisfit(
  problems: readonly string[],
  files: readonly string[],
  versions: readonly ModelVersion[],
): void {
  if (problems.length === 0) return;
  const keys = versions.map(({ key }) => key).join(' and ');
  throw new Fault('invalid_data', [`${keys} cannot be compared on ${files.join(', ')}:`, ...problems]);
}

/** Ended parts with a verdict and with results; of a die touched more than once the last touchdown. */
async function fromLots({ files, versions, onProgress }: LabelledDiesOptions): Promise<LabelledDies> {
  const passing: number[] = [];
  const rows: Float32Array[][] = versions.map(() => []);
  const groups: Record<Grouping, string[]> = { equipment_id: [], site: [], lot_id: [] };
  const wafers: string[] = [];
  let namesWafers = false;
  const namings = await Promise.all(
    versions.map(({ manifest }) => readTestNaming({}, manifest.input.stripName)),
  );
  for (const file of files) {
    const measurers = versions.map((version, v) => measurerFor(version, file, namings[v] ?? AS_WRITTEN));
    const dies = await namingFile(file, diesOfLot(lotBytes(file, onProgress), measurers));
    const others = versions.flatMap((version, v) => {
      const refused = measurers[v]?.match().refused ?? [];
      return refused.length === 0
        ? []
        : testsRefused([{ files: [file], lot: null, refused }], version).problems;
    });
    refuseMisfit(others, [file], versions);
    const lacking = versions.flatMap(({ key }, v) => {
      const never = measurers[v]?.neverMeasured() ?? [];
      return never.length === 0
        ? []
        : [`${key} reads ${never.length} tests that the lot has no value of: ${namesOf(never)}`];
    });
    refuseMisfit(lacking, [file], versions);
    for (const { good, measured, of, wafer } of dies) {
      for (const by of GROUPINGS) groups[by].push(of[by]);
      passing.push(good ? 1 : 0);
      wafers.push(`${of.lot_id}|${wafer ?? ''}`);
      namesWafers ||= wafer !== undefined;
      measured.forEach((params, v) => {
        rows[v]?.push(params);
      });
    }
  }
  const joined = versions.map(({ contract }, v) => joinRows(rows[v] ?? [], contract.parameterCount));
  refuseMisfit(
    versions.flatMap((version, v) => missingProblems(version, joined[v] ?? new Float32Array(0))),
    files,
    versions,
  );
  // Packaged parts are of no wafer that anybody knows.
  const found = clustered(passing.length, namesWafers ? wafers : undefined);
  return { dies: passing.length, passing: Uint8Array.from(passing), rows: joined, groups, ...found };
}

interface LotDie {
  readonly good: boolean;
  readonly measured: readonly Float32Array[];
  readonly of: Readonly<Record<Grouping, string>>;
  readonly wafer: string | undefined;
}

async function diesOfLot(
  bytes: AsyncIterable<Uint8Array>,
  measurers: readonly PartMeasurer[],
): Promise<Iterable<LotDie>> {
  const stream = assembleParts(bytes);
  const lots: { readonly register: DieRegister; readonly found: (LotDie | undefined)[] }[] = [];
  for await (const part of stream) {
    const lot = stream.lots()[part.lot];
    if (lot === undefined) throw new Error(`no lot ${part.lot}`);
    const { register, found } = lots[part.lot] ?? { register: createDieRegister(), found: [] };
    lots[part.lot] = { register, found };
    const entry = register.add(part);
    if (part.end !== 'ended' || part.verdict === 'none') continue;
    const measured = measurers.map((measurer) => measurer.measure(part, lot));
    if (measured.some((one) => one.measured === 0)) continue;
    const label = measured[0]?.label;
    found[entry] = {
      good: part.verdict === 'pass',
      measured: measured.map(({ params }) => params),
      of: {
        equipment_id: label?.equipment_id ?? '',
        site: String(part.siteNum),
        lot_id: label?.lot_id ?? '',
      },
      wafer: label?.wafer_id ?? undefined,
    };
  }
  return lots.flatMap(({ register, found }) => {
    const { order, replacedBy } = register.finish();
    return order.flatMap((entry) => {
      const die = found[entry];
      return die === undefined || (replacedBy[entry] ?? -1) >= 0 ? [] : [die];
    });
  });
}

function measurerFor({ key, manifest }: ModelVersion, file: string, naming: TestNaming): PartMeasurer {
  try {
    return createPartMeasurer(manifest.input.parameters, file, naming);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      error.code,
      error.problems.map((problem) => `${key}: ${problem}`),
      error,
    );
  }
}

function namesOf(parameters: readonly { readonly name: string }[]): string {
  const names = parameters.slice(0, MAX_LISTED).map(({ name }) => name.trim());
  return `${names.join(', ')}${parameters.length > MAX_LISTED ? ', ...' : ''}`;
}

function joinRows(rows: readonly Float32Array[], width: number): Float32Array {
  const joined = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    joined.set(row, i * width);
  });
  return joined;
}
