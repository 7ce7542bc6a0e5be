import { Fault } from '../../errors.js';
import { MAP_FORMATS, type MapFormatName } from '../../mapfile/map-formats.js';

/** What the options of `score` say of map files, as they were given. */
export interface MapArguments {
  readonly map?: string;
  readonly mapOut?: string;
  readonly mapBins?: string;
  readonly mapFailBin?: string;
  readonly mapReference?: string;
}

/** The map files that were asked for. */
export interface MapOptions {
  readonly format: MapFormatName;
  readonly folder: string;
  readonly bins: 'hard' | 'soft';
  /** The bin of dies that the tester passed and the model fails. */
  readonly failBin: number | undefined;
  /** Of the reference die, as the tester counts. */
  readonly reference: { readonly x: number; readonly y: number } | undefined;
}

/**
 * The map files that the options ask for; undefined for none.
 * @throws Fault `invalid_usage` with one line for each problem
 */
export function mapOptionsOf(given: MapArguments): MapOptions | undefined {
  const { map, mapOut, mapBins = 'hard', mapFailBin, mapReference } = given;
  const problems: string[] = [];
  if (map === undefined) {
    const alone = Object.entries(OPTION_NAMES).filter(([key]) => key in given);
    if (alone.length === 0) return undefined;
    throw new Fault(
      'invalid_usage',
      alone.map(([, name]) => `${name}: needs --map, which says in which format`),
    );
  }
  const format = isFormat(map) ? map : undefined;
  const names = Object.keys(MAP_FORMATS);
  if (format === undefined) problems.push(`--map: found "${map}", expected ${names.join(', ')}`);
  if (mapOut === undefined) problems.push('--map: needs --map-out, the folder to write the maps to');
  if (mapBins !== 'hard' && mapBins !== 'soft') {
    problems.push(`--map-bins: found "${mapBins}", expected hard or soft`);
  }
  const failBin = failBinOf(mapFailBin, format, problems);
  const reference = referenceOf(mapReference, problems);
  if (problems.length > 0 || format === undefined || mapOut === undefined) {
    throw new Fault('invalid_usage', problems);
  }
  return { format, folder: mapOut, bins: mapBins === 'soft' ? 'soft' : 'hard', failBin, reference };
}

const OPTION_NAMES: Readonly<Record<string, string>> = {
  mapOut: '--map-out',
  mapBins: '--map-bins',
  mapFailBin: '--map-fail-bin',
  mapReference: '--map-reference',
};

function isFormat(name: string): name is MapFormatName {
  return Object.hasOwn(MAP_FORMATS, name);
}

function failBinOf(
  text: string | undefined,
  format: MapFormatName | undefined,
  problems: string[],
): number | undefined {
  if (text === undefined || format === undefined) return undefined;
  const { largestBin } = MAP_FORMATS[format];
  const bin = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (bin <= largestBin) return bin;
  problems.push(`--map-fail-bin: found "${text}", expected a bin from 0 to ${largestBin} (${format})`);
  return undefined;
}

function referenceOf(text: string | undefined, problems: string[]): MapOptions['reference'] {
  if (text === undefined) return undefined;
  const [, x, y] = /^(-?\d{1,5}),(-?\d{1,5})$/.exec(text.trim()) ?? [];
  if (x !== undefined && y !== undefined) return { x: Number(x), y: Number(y) };
  problems.push(`--map-reference: found "${text}", expected the coordinates X,Y of a die, such as 12,-4`);
  return undefined;
}
