import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../errors.js';
import { type WaferSize, waferSizeOf } from '../../lots/wafer-size.js';
import { type BinMap, largestBin } from '../../mapfile/bin-map.js';
import { binsOfWafer } from '../../mapfile/bins-of-wafer.js';
import { MAP_FORMATS } from '../../mapfile/map-formats.js';
import type { ModelVersion } from '../../models/model-version.js';
import type { BinTally } from '../../stdf/stdf.js';
import type { WaferMap } from '../../wafermap/wafer-map.js';
import type { MapOptions } from './map-options.js';
import { mapsOf } from './report.js';
import type { ScoredLot } from './score-lot.js';

/** A map file to be written. */
interface MapFile {
  readonly file: string;
  readonly map: BinMap;
}

/** A wafer and what else is known of its lot. */
interface MappedWafer {
  readonly wafer: WaferMap;
  readonly product: string | undefined;
  readonly hardBins: readonly Pick<BinTally, 'bin' | 'name'>[];
  readonly softBins: readonly Pick<BinTally, 'bin' | 'name'>[];
  readonly size: WaferSize;
}

/** The wafers of lots. */
export function mappedWafers(lots: readonly ScoredLot[], version: ModelVersion): readonly MappedWafer[] {
  return lots.flatMap((scored) => {
    const { mir, hardBins, softBins } = scored.lot;
    const size = waferSizeOf(scored.lot);
    return mapsOf([scored], version).map((wafer) => ({
      wafer,
      product: mir?.partTyp,
      hardBins,
      softBins,
      size,
    }));
  });
}

/**
 * A map file for each wafer that has dies with coordinates.
 * @throws Fault `invalid_data` for a bin that the format cannot write, or that is the tester's and the model's
 */
export function mapFilesOf(
  wafers: readonly MappedWafer[],
  version: ModelVersion,
  options: MapOptions,
): readonly MapFile[] {
  const names = new Map<string, number>();
  const files = wafers.map((mapped) => {
    const map = binsOfWafer(mapped.wafer, contextOf(mapped, version, options));
    const name = fileName(map);
    const times = (names.get(name) ?? 0) + 1;
    names.set(name, times);
    const ending = MAP_FORMATS[options.format].ending;
    return { file: join(options.folder, `${name}${times === 1 ? '' : `_${times}`}${ending}`), map };
  });
  const problems = files.flatMap(({ map }) => tooLarge(map, options));
  if (problems.length > 0) throw new Fault('invalid_data', [...new Set(problems)]);
  return files;
}

/** Writes the files, and reads each back: a map that is not what was meant is worse than none. */
export async function writeMapFiles(files: readonly MapFile[], options: MapOptions): Promise<void> {
  const format = MAP_FORMATS[options.format];
  await mkdir(options.folder, { recursive: true });
  for (const { file, map } of files) {
    await writeFile(file, format.write(map));
    const found = format.read(await readFile(file, 'utf8'));
    if (!isDeepStrictEqual(found, format.kept(map))) {
      throw new Fault('invalid_data', [`${file}: read back it is another map than the one that was written`]);
    }
  }
}

function contextOf(mapped: MappedWafer, { key }: ModelVersion, options: MapOptions) {
  const { wafer, product, size } = mapped;
  const { bins, failBin, reference } = options;
  const tallies = bins === 'hard' ? mapped.hardBins : mapped.softBins;
  const ofTester = wafer.dies.some((die) => (bins === 'hard' ? die.hardBin : die.softBin) === failBin);
  if (failBin !== undefined && ofTester) {
    throw new Fault('invalid_data', [
      `--map-fail-bin: the tester put dies of wafer ${wafer.waferId ?? ''} into ${bins} bin ${failBin} too, expected a bin of its own`,
    ]);
  }
  return {
    product,
    bins,
    binNames: new Map(tallies.map(({ bin, name }) => [bin, name ?? ''])),
    ...size,
    reference,
    modelFails: failBin === undefined ? undefined : { bin: failBin, description: `failed by ${key}` },
  };
}

function tooLarge(map: BinMap, { format, bins }: MapOptions): string[] {
  const [largest, limit] = [largestBin(map.bins), MAP_FORMATS[format].largestBin];
  if (largest <= limit) return [];
  return [
    `--map ${format}: ${bins} bin ${largest} of wafer ${map.wafer} is over ${limit}, the largest that the format can write: choose another format, or ${bins === 'soft' ? 'hard' : 'soft'} bins by --map-bins`,
  ];
}

/** Lot and wafer, of characters that every file system takes. */
function fileName({ lot, wafer }: BinMap): string {
  const parts = [lot, wafer === '' ? 'wafer' : wafer].filter((part) => part !== '');
  return parts
    .join('_')
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 120);
}
