import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Fault } from '../../errors.js';
import { assembleParts, describeReport } from '../../stdf/stdf.js';
import { openSource, STANDARD_INPUT } from '../../unpack/file-source.js';
import { sampleTooSmall } from '../die-sample.js';
import type { DieTable } from '../table/die-table.js';
import {
  type CollectedDie,
  type CollectorOptions,
  createDieCollector,
  type DieCollector,
} from './die-collector.js';
import type { LotAccount } from './lot-account.js';
import { createLotTests, type LotTest, type LotTests, type LotTestsOptions } from './lot-tests.js';

export interface LotReadOptions extends Partial<CollectorOptions>, LotTestsOptions {
  /** Told the number of parts read so far, now and then. */
  readonly onProgress?: ((parts: number) => void) | undefined;
}

/** The dies of lot files with every parametric test of the files, none left out yet. */
export interface LotDies {
  /** One parameter for each of `tests`, under its name. */
  readonly table: DieTable;
  readonly tests: readonly LotTest[];
  readonly account: LotAccount;
}

/**
 * Reads the dies of STDF files, plain or packed, streaming: memory is the table's. Throws a Fault that
 * names the file for one that is not STDF; what is damaged is read as far as it goes, and told.
 */
export async function readLots(paths: readonly string[], options: LotReadOptions = {}): Promise<LotDies> {
  const touchdown = options.touchdown ?? 'last';
  const tests = createLotTests(options);
  const { x, sample } = options;
  const collector = createDieCollector({ touchdown, x, sample }, tests);
  const damage: { file: string; problems: readonly string[] }[] = [];
  const hashes: string[] = [];
  let parts = 0;
  for (const path of paths) {
    const read = createHash('sha256');
    const problems = await readLot(path, read, collector, () => {
      parts += 1;
      if (parts % 500 === 0) options.onProgress?.(parts);
    });
    if (problems.length > 0) damage.push({ file: basename(path), problems });
    hashes.push(path === STANDARD_INPUT ? read.digest('hex') : await sha256Of(path));
  }
  const { dies, touchdowns, leftOut } = collector.finish();
  if (dies.length === 0 && leftOut.not_sampled > 0) throw sampleTooSmall(options.sample);
  const passingDies = dies.filter(({ passing }) => passing).length;
  const columns = columnsOf(tests);
  const sources = paths.map((path, i) => ({
    name: basename(path),
    sha256: hashes[i],
    dies: dies.filter(({ file }) => file === i).length,
  }));
  return {
    table: tableOf(dies, columns, sources),
    tests: columns.map(({ test }) => test),
    account: {
      touchdownThatCounts: touchdown,
      touchdowns,
      dies: dies.length,
      passingDies,
      touchdownsLeftOut: leftOut,
      testsLeftOut: [],
      converted: tests.converted,
      damage,
    },
  };
}

/** Reads one file; the answer is what is damaged, in words. */
async function readLot(
  path: string,
  read: Hash,
  collector: DieCollector,
  onPart: () => void,
): Promise<readonly string[]> {
  try {
    const { bytes } = await openSource(path);
    const stream = assembleParts(path === STANDARD_INPUT ? hashed(bytes, read) : bytes);
    for await (const part of stream) {
      const lot = stream.lots()[part.lot];
      if (lot === undefined) throw new Error(`no lot ${part.lot}`);
      collector.part(part, lot);
      onPart();
    }
    collector.endFile(stream.lots(), basename(path));
    return stream.report().damage.length === 0 ? [] : describeReport(stream.report());
  } catch (error) {
    if (error instanceof Fault) {
      throw new Fault(
        error.code,
        error.problems.map((problem) => `${path}: ${problem}`),
        error,
      );
    }
    if (error instanceof Error && 'code' in error) {
      throw new Fault('invalid_data', [`${path}: ${error.message}`], error);
    }
    throw error;
  }
}

/** Standard input can be read once only. */
async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Of the file as it lies, so that sha256sum gives the same. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  const source: AsyncIterable<Uint8Array> = createReadStream(path);
  for await (const chunk of source) hash.update(chunk);
  return hash.digest('hex');
}

interface Column {
  readonly test: LotTest;
  /** Position among the collector's values. */
  readonly at: number;
}

/** In ascending order of number, name and position, so that the order of parts and files does not matter. */
function columnsOf(tests: LotTests): Column[] {
  return tests
    .tests()
    .map((test, at) => ({ test, at }))
    .sort((a, b) => compareTests(a.test.facts, b.test.facts));
}

function compareTests(a: LotTest['facts'], b: LotTest['facts']): number {
  const byNumber = (a.testNumber ?? 0) - (b.testNumber ?? 0);
  if (byNumber !== 0) return byNumber;
  const [nameA = '', nameB = ''] = [a.testName, b.testName];
  if (nameA !== nameB) return nameA < nameB ? -1 : 1;
  return (a.position ?? 0) - (b.position ?? 0);
}

function tableOf(
  dies: readonly CollectedDie[],
  columns: readonly Column[],
  sources: DieTable['sources'],
): DieTable {
  const values = new Float32Array(dies.length * columns.length);
  dies.forEach((die, row) => {
    columns.forEach(({ at }, column) => {
      values[row * columns.length + column] = die.values[at] ?? Number.NaN;
    });
  });
  const wafers = dies.flatMap(({ wafer }) => (wafer === undefined ? [] : [wafer]));
  return {
    parameters: columns.map(({ test }) => test.facts.name),
    dies: dies.length,
    values,
    labelled: true,
    passing: Uint8Array.from(dies, ({ passing }) => (passing ? 1 : 0)),
    defects: dies.map(({ defect }) => defect),
    lots: dies.map(({ lot }) => lot),
    wafers: wafers.length === dies.length ? wafers : undefined,
    equipment: dies.map(({ equipment }) => equipment),
    sites: dies.map(({ site }) => site),
    hardBins: dies.map(({ hardBin }) => hardBin),
    ignoredColumns: [],
    sources,
  };
}
