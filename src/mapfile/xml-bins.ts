import type { XmlElement } from '@rgrove/parse-xml';
import { Fault } from '../errors.js';
import { type BinCodes, binCodes, binTypeOf } from './bin-codes.js';
import { type BinDefinition, countBins, mapText } from './bin-map.js';
import { attributes } from './xml.js';

const QUALITY: Readonly<Record<BinDefinition['quality'], string>> = {
  pass: 'Pass',
  fail: 'Fail',
  unknown: 'Unknown',
};

/** What both XML formats say of a bin, as attributes. */
export function binAttributes(definition: BinDefinition, codes: BinCodes): string {
  const { bin, count, quality, description } = definition;
  return attributes({
    BinCode: codes.code(bin),
    BinCount: count,
    BinQuality: QUALITY[quality],
    BinDescription: description,
  });
}

/** How a file writes its bins. @throws Fault `invalid_data` for a type that is not read here */
export function codesOf(element: XmlElement, format: string): BinCodes {
  const { BinType, NullBin } = element.attributes;
  const type = binTypeOf(BinType);
  if (type !== undefined) return binCodes(type, NullBin);
  const found = BinType === undefined ? 'missing' : `"${BinType}"`;
  throw new Fault('invalid_data', [
    `${format}: BinType is ${found}, expected Decimal, HexaDecimal or Integer2: other codes are no bin numbers`,
  ]);
}

/** The rows of a map as bins, row-major. @throws Fault `invalid_data` where they do not fit */
export function binsOfRows(
  rows: readonly XmlElement[],
  codes: BinCodes,
  size: { readonly rows: number; readonly columns: number; readonly format: string },
): Int32Array {
  const bins = new Int32Array(size.rows * size.columns);
  if (rows.length !== size.rows) {
    throw new Fault('invalid_data', [
      `${size.format}: found ${rows.length} rows of bins, expected ${size.rows}`,
    ]);
  }
  rows.forEach((element, row) => {
    const found = codes.bins(element.text);
    if (found?.length !== size.columns) {
      const what = found === undefined ? `codes that are not ${codes.type}` : `${found.length} codes`;
      throw new Fault('invalid_data', [
        `${size.format}: row ${row + 1} has ${what}, expected ${size.columns} ${codes.type} codes`,
      ]);
    }
    bins.set(found, row * size.columns);
  });
  return bins;
}

/** Definitions of the bins that the map has, counted; a bin that nobody defines is of unknown quality. */
export function definitionsOf(
  elements: readonly XmlElement[],
  codes: BinCodes,
  bins: Int32Array,
): BinDefinition[] {
  const byBin = new Map(elements.map(({ attributes }) => [codes.bin(attributes.BinCode ?? ''), attributes]));
  return [...countBins(bins)].map(([bin, count]) => ({
    bin,
    count,
    quality: qualityOf(byBin.get(bin)?.BinQuality),
    description: mapText(byBin.get(bin)?.BinDescription),
  }));
}

function qualityOf(text: string | undefined): BinDefinition['quality'] {
  const quality = text?.trim().toLowerCase();
  if (quality === 'pass' || quality === 'good') return 'pass';
  return quality === 'fail' ? 'fail' : 'unknown';
}
