import { Fault } from '../errors.js';
import type { FlatSide } from '../wafermap/wafer-map.js';
import {
  type BinDefinition,
  type BinMap,
  countBins,
  type MapPlace,
  NO_DIE,
  rowOfBins,
  UNTESTED,
} from './bin-map.js';

/** FNLOC: degrees clockwise from the top, unlike the other formats, which count from the bottom. */
const FLAT_LOCATION: Readonly<Record<FlatSide, string>> = { up: '0', right: '90', down: '180', left: '270' };

const NO_DIE_CODE = '__';
const UNTESTED_CODE = '@@';
/** The reference die where it is no tested die. */
const REFERENCE_CODE = 'FF';

/** The largest bin with a code of its own: FD and FE are dies of the edge in some houses, FF is the reference die. */
export const LARGEST_SINF_BIN = 0xfc;

/** Good bins by the format where BCEQU says nothing. */
const GOOD_BY_DEFAULT = [1];

/**
 * SINF: twelve header lines and one `RowData:` line for each row, bins as two hexadecimal digits. It has no
 * room for the bins' descriptions and the wafer's diameter.
 */
export function sinfText(map: BinMap): string {
  const { reference, step } = map;
  const lines = [
    `DEVICE:${map.product}`,
    `LOT:${map.lot}`,
    `WAFER:${map.wafer}`,
    `FNLOC:${map.flat === undefined ? '' : FLAT_LOCATION[map.flat]}`,
    `ROWCT:${map.rows}`,
    `COLCT:${map.columns}`,
    `BCEQU:${goodBins(map.definitions).map(hex).join(',')}`,
    `REFPX:${reference?.column ?? ''}`,
    `REFPY:${reference?.row ?? ''}`,
    'DUTMS:mm',
    `XDIES:${step?.x ?? ''}`,
    `YDIES:${step?.y ?? ''}`,
    ...Array.from({ length: map.rows }, (_, row) => `RowData:${codesOf(map, row).join(' ')}`),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** SINF's share of a map: no descriptions, no diameter, and a bin is good or it is not. */
export function keptBySinf(map: BinMap): BinMap {
  return {
    ...map,
    diameterMm: undefined,
    definitions: map.definitions.map(({ quality, ...bin }) => ({
      ...bin,
      quality: quality === 'pass' ? 'pass' : 'fail',
      description: '',
    })),
  };
}

function codesOf(map: BinMap, row: number): string[] {
  return Array.from(rowOfBins(map, row), (bin, column) => {
    if (bin === UNTESTED) return UNTESTED_CODE;
    if (bin !== NO_DIE) return hex(bin);
    const reference = map.reference?.row === row && map.reference.column === column;
    return reference ? REFERENCE_CODE : NO_DIE_CODE;
  });
}

/** An empty BCEQU would mean bin 1: where no bin is good, one is named that no die is in. */
function goodBins(definitions: readonly BinDefinition[]): number[] {
  const good = definitions.filter(({ quality }) => quality === 'pass').map(({ bin }) => bin);
  if (good.length > 0) return good;
  const used = new Set(definitions.map(({ bin }) => bin));
  for (let bin = 0; ; bin++) if (!used.has(bin)) return [bin];
}

function hex(bin: number): string {
  return bin.toString(16).toUpperCase().padStart(2, '0');
}

const BLANK_CODES = new Map([
  [NO_DIE_CODE, NO_DIE],
  [UNTESTED_CODE, UNTESTED],
]);

/**
 * Reads SINF as `sinfText` and others write it: header lines in any order, comments and unknown lines skipped, a
 * step in mil. Bins that BCEQU does not name fail.
 * @throws Fault `invalid_data` where rows, columns or codes do not fit together
 */
export function readSinf(text: string): BinMap {
  const { header, rowData } = linesOf(text);
  const rows = countOf(header, 'ROWCT');
  const columns = countOf(header, 'COLCT');
  if (rowData.length !== rows) throw wrong(`found ${rowData.length} RowData lines, expected ${rows} (ROWCT)`);
  const bins = new Int32Array(rows * columns);
  let marked: MapPlace | undefined;
  rowData.forEach((line, row) => {
    const codes = line === '' ? [] : line.split(/\s+/);
    if (codes.length !== columns) {
      throw wrong(`RowData line ${row + 1} has ${codes.length} codes, expected ${columns} (COLCT)`);
    }
    codes.forEach((code, column) => {
      if (code.toUpperCase() === REFERENCE_CODE) marked ??= { column, row };
      bins[row * columns + column] = binOf(code, row);
    });
  });
  const good = goodCodes(header.get('BCEQU'));
  return {
    product: header.get('DEVICE') ?? '',
    lot: header.get('LOT') ?? '',
    wafer: header.get('WAFER') ?? '',
    rows,
    columns,
    bins,
    definitions: [...countBins(bins)].map(([bin, count]) => ({
      bin,
      count,
      quality: good.includes(bin) ? 'pass' : 'fail',
      description: '',
    })),
    flat: flatOf(header.get('FNLOC')),
    reference: referenceOf(header) ?? marked,
    step: stepOf(header),
    diameterMm: undefined,
  };
}

function linesOf(text: string): { header: ReadonlyMap<string, string>; rowData: readonly string[] } {
  const header = new Map<string, string>();
  const rowData: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const [key, value] = [line.slice(0, colon).trim().toUpperCase(), line.slice(colon + 1).trim()];
    if (key === 'ROWDATA') rowData.push(value);
    else if (!header.has(key)) header.set(key, value);
  }
  return { header, rowData };
}

function countOf(header: ReadonlyMap<string, string>, key: string): number {
  const found = header.get(key);
  if (found === undefined || !/^\d{1,5}$/.test(found)) {
    throw wrong(`${key} is ${found === undefined ? 'missing' : `"${found}"`}, expected a whole number`);
  }
  return Number(found);
}

function binOf(code: string, row: number): number {
  if (code.toUpperCase() === REFERENCE_CODE) return NO_DIE;
  const blank = BLANK_CODES.get(code);
  if (blank !== undefined) return blank;
  if (!/^[0-9A-Fa-f]{2}$/.test(code)) {
    throw wrong(`RowData line ${row + 1} has the code "${code}", expected two hexadecimal digits, __ or @@`);
  }
  return Number.parseInt(code, 16);
}

function goodCodes(text: string | undefined): readonly number[] {
  const codes = (text ?? '').split(/[\s,]+/).filter((code) => code !== '');
  return codes.length === 0 ? GOOD_BY_DEFAULT : codes.map((code) => Number.parseInt(code, 16));
}

function flatOf(degrees: string | undefined): FlatSide | undefined {
  const sides: readonly FlatSide[] = ['up', 'right', 'down', 'left'];
  return sides.find((side) => FLAT_LOCATION[side] === degrees);
}

function referenceOf(header: ReadonlyMap<string, string>): MapPlace | undefined {
  const [x, y] = [header.get('REFPX') ?? '', header.get('REFPY') ?? ''];
  return /^\d+$/.test(x) && /^\d+$/.test(y) ? { column: Number(x), row: Number(y) } : undefined;
}

const MM_PER_MIL = 0.0254;

function stepOf(header: ReadonlyMap<string, string>): BinMap['step'] {
  const scale = header.get('DUTMS')?.toLowerCase() === 'mil' ? MM_PER_MIL : 1;
  const [x, y] = [Number(header.get('XDIES') || 0) * scale, Number(header.get('YDIES') || 0) * scale];
  return x > 0 && y > 0 ? { x, y } : undefined;
}

function wrong(problem: string): Fault {
  return new Fault('invalid_data', [`SINF: ${problem}`]);
}
