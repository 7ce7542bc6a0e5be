import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Fault } from '../errors.js';
import type { DefectMode } from './simulator/catalogue.js';
import { type SimulatedLot, type SimulationOptions, simulateLots } from './simulator/lot.js';
import { lotsAsCsv } from './simulator/lot-csv.js';
import { lotAsStdf } from './simulator/lot-stdf.js';
import { createProduct, type Product } from './simulator/product.js';
import { parameterTableAsCsv } from './table/parameter-table.js';

interface LotFormat {
  /** Turns lots into the bytes or text of a file, piece by piece. */
  readonly encode: (
    product: Product,
    lots: Iterable<SimulatedLot>,
  ) => Iterable<string | Uint8Array> | AsyncIterable<Uint8Array>;
  /** Whether a file of this format holds one lot only: several lots are then as many files. */
  readonly oneLotAFile: boolean;
}

/** Formats by the ending of the file's name, before `.gz`. */
export type LotFormats = Readonly<Record<string, LotFormat>>;

export const CSV_FORMAT: LotFormats = { '.csv': { encode: lotsAsCsv, oneLotAFile: false } };

const STDF = { encode: lotAsStdf, oneLotAFile: true };

export const STDF_FORMAT: LotFormats = { '.stdf': STDF, '.std': STDF };

interface SimulateFilesOptions extends SimulationOptions {
  /**
   * File for the dies; its ending names the format, and `.gz` packs it. Where a file holds one lot,
   * several lots go into files with the lot's id before the ending: `lot-S1L01.stdf.gz`.
   */
  readonly output: string;
  /** File for the product's parameters: name, unit, test number and limits. */
  readonly parameterTable?: string | undefined;
  /** By default CSV only. */
  readonly formats?: LotFormats | undefined;
  readonly onProgress?: ((wafers: number) => void) | undefined;
}

/** What was simulated, counted while it is written. */
interface Counts {
  dies: number;
  wafers: number;
  readonly diesByDefect: Partial<Record<DefectMode, number>>;
}

export interface SimulationSummary extends Readonly<Counts> {
  /** What was written. */
  readonly files: readonly string[];
}

/** Simulates lots into files, a wafer at a time; a file appears only when it is complete. */
export async function simulateFiles(options: SimulateFilesOptions): Promise<SimulationSummary> {
  const { output, parameterTable, formats = CSV_FORMAT } = options;
  const { format, ending } = chooseFormat(output, formats);
  const product = createProduct();
  const summary: Counts = { dies: 0, wafers: 0, diesByDefect: {} };
  const counted = countLots(simulateLots(product, options), summary, options.onProgress);
  const files: string[] = [];
  const write = async (file: string, of: Iterable<SimulatedLot>) => {
    await writeWhole(file, format.encode(product, of));
    files.push(file);
  };
  if (format.oneLotAFile && options.lots > 1) {
    for (const lot of counted) await write(withLotId(output, ending, lot.lotId), [lot]);
  } else {
    await write(output, counted);
  }
  if (parameterTable !== undefined)
    await writeFile(parameterTable, parameterTableAsCsv(parametersOf(product)));
  return { ...summary, files };
}

function withLotId(output: string, ending: string, lotId: string): string {
  const at = output.lastIndexOf(ending);
  return `${output.slice(0, at)}-${lotId}${output.slice(at)}`;
}

function chooseFormat(output: string, formats: LotFormats) {
  const plain = output.replace(/\.gz$/, '');
  const ending = Object.keys(formats).find((candidate) => plain.endsWith(candidate));
  if (ending === undefined) {
    const known = Object.keys(formats).join(', ');
    throw new Fault('invalid_usage', [
      `--output: found "${output}", expected a file name that ends in ${known}, with .gz or without`,
    ]);
  }
  return { format: formats[ending], ending };
}

async function writeWhole(output: string, pieces: ReturnType<LotFormat['encode']>): Promise<void> {
  const partial = `${output}.partial`;
  try {
    await mkdir(dirname(output), { recursive: true });
    await pipeline(
      Readable.from(pieces),
      output.endsWith('.gz') ? createGzip() : new PassThrough(),
      createWriteStream(partial),
    );
    await rename(partial, output);
  } catch (error) {
    // The first error is the one to tell.
    await rm(partial, { force: true }).catch(() => undefined);
    if (!(error instanceof Fault) && error instanceof Error && 'code' in error) {
      throw new Fault('invalid_usage', [`--output ${output}: ${error.message}`], error);
    }
    throw error;
  }
}

function* countLots(
  lots: Iterable<SimulatedLot>,
  summary: Counts,
  onProgress: ((wafers: number) => void) | undefined,
): Generator<SimulatedLot> {
  for (const lot of lots) yield { lotId: lot.lotId, wafers: { [Symbol.iterator]: () => countWafers(lot) } };

  function* countWafers({ wafers }: SimulatedLot) {
    for (const wafer of wafers) {
      yield wafer;
      summary.wafers += 1;
      summary.dies += wafer.dies.length;
      for (const { defect } of wafer.dies) {
        if (defect !== undefined) summary.diesByDefect[defect] = (summary.diesByDefect[defect] ?? 0) + 1;
      }
      onProgress?.(summary.wafers);
    }
  }
}

function parametersOf({ parameters }: Product) {
  return parameters.map(({ name, unit, testNumber, lowLimit, highLimit }) => ({
    name,
    unit,
    testNumber,
    lowLimit,
    highLimit,
  }));
}
