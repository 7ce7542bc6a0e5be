import { gridOf } from '../wafermap/grid.js';
import type { MapDie, WaferMap } from '../wafermap/wafer-map.js';
import { type BinDefinition, type BinMap, countBins, mapText, NO_DIE, UNTESTED } from './bin-map.js';

/** What a map file says of a wafer beyond its dies. */
export interface BinMapOptions {
  readonly product: string | undefined;
  readonly bins: 'hard' | 'soft';
  /** Names of those bins. */
  readonly binNames: ReadonlyMap<number, string>;
  readonly step: BinMap['step'];
  readonly diameterMm: number | undefined;
  /** Coordinates of the reference die as the tester counts; it may be a place without a die. */
  readonly reference: { readonly x: number; readonly y: number } | undefined;
  /** The bin of dies that the tester passed and the model fails; undefined leaves them in the tester's. */
  readonly modelFails: { readonly bin: number; readonly description: string } | undefined;
}

/** The bins of a wafer, laid out as it is seen. A die without a bin is not tested. */
export function binsOfWafer(map: WaferMap, options: BinMapOptions): BinMap {
  const { reference, modelFails, binNames } = options;
  const grid = gridOf(map, reference === undefined ? [] : [reference]);
  const bins = new Int32Array(grid.rows * grid.columns).fill(NO_DIE);
  const quality = new Map<number, BinDefinition['quality']>();
  for (const { row, column, die } of grid.dies) {
    const bin = binOf(die, options);
    bins[row * grid.columns + column] = bin;
    quality.set(bin, bin === modelFails?.bin ? 'fail' : together(quality.get(bin), die));
  }
  const definitions = [...countBins(bins)].map(([bin, count]) => ({
    bin,
    count,
    quality: quality.get(bin) ?? 'unknown',
    description: mapText(bin === modelFails?.bin ? modelFails.description : binNames.get(bin)),
  }));
  return {
    product: mapText(options.product),
    lot: mapText(map.lotId),
    wafer: mapText(map.waferId),
    rows: grid.rows,
    columns: grid.columns,
    bins,
    definitions,
    flat: map.flat,
    reference: reference && grid.placeOf(reference),
    step: options.step,
    diameterMm: options.diameterMm,
  };
}

function binOf(
  { hardBin, softBin, testerVerdict, prediction }: MapDie,
  { bins, modelFails }: BinMapOptions,
): number {
  if (modelFails !== undefined && prediction === 'fail' && testerVerdict !== 'fail') return modelFails.bin;
  return (bins === 'hard' ? hardBin : softBin) ?? UNTESTED;
}

/** A bin passes if all of its judged dies do: one that failed in it makes it a bin to leave. */
function together(
  before: BinDefinition['quality'] | undefined,
  { testerVerdict }: MapDie,
): BinDefinition['quality'] {
  if (before === 'fail' || testerVerdict === 'fail') return 'fail';
  return before === 'pass' || testerVerdict === 'pass' ? 'pass' : 'unknown';
}
