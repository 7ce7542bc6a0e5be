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
import { createProduct, type Product } from './simulator/product.js';
import { parameterTableAsCsv } from './table/parameter-table.js';

/** Turns lots into the bytes or text of a file, piece by piece. */
export type LotFormat = (product: Product, lots: Iterable<SimulatedLot>) => Iterable<string | Uint8Array>;

/** Formats by the ending of the file's name, before `.gz`. */
export type LotFormats = Readonly<Record<string, LotFormat>>;

export const CSV_FORMAT: LotFormats = { '.csv': lotsAsCsv };

export interface SimulateFilesOptions extends SimulationOptions {
  /** File for the dies; its ending names the format, and `.gz` packs it. */
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

export type SimulationSummary = Readonly<Counts>;

/** Simulates lots into a file, a wafer at a time; the file appears only when it is complete. */
export async function simulateFiles(options: SimulateFilesOptions): Promise<SimulationSummary> {
  const { output, parameterTable, formats = CSV_FORMAT } = options;
  const format = chooseFormat(output, formats);
  const product = createProduct();
  const summary: Counts = { dies: 0, wafers: 0, diesByDefect: {} };
  const counted = countLots(simulateLots(product, options), summary, options.onProgress);
  await writeWhole(output, format(product, counted));
  if (parameterTable !== undefined)
    await writeFile(parameterTable, parameterTableAsCsv(parametersOf(product)));
  return summary;
}

function chooseFormat(output: string, formats: LotFormats): LotFormat {
  const plain = output.replace(/\.gz$/, '');
  const ending = Object.keys(formats).find((candidate) => plain.endsWith(candidate));
  if (ending === undefined) {
    const known = Object.keys(formats).join(', ');
    throw new Fault('invalid_usage', [
      `--output: found "${output}", expected a file name that ends in ${known}, with .gz or without`,
    ]);
  }
  return formats[ending];
}

async function writeWhole(output: string, pieces: Iterable<string | Uint8Array>): Promise<void> {
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
