import type { XmlElement } from '@rgrove/parse-xml';
import { Fault } from '../errors.js';
import { binCodesFor } from './bin-codes.js';
import { type BinMap, mapText, rowOfBins } from './bin-map.js';
import {
  attributes,
  childrenOf,
  descend,
  flatOfOrientation,
  orientationText,
  positive,
  rootOf,
  wholeNumber,
} from './xml.js';
import { binAttributes, binsOfRows, codesOf, definitionsOf } from './xml-bins.js';

const FORMAT = 'G85';
/** OriginLocation: 0 the centre, then the quadrants from the upper right on against the clock. */
const UPPER_LEFT = '2';
const MICRONS_PER_MM = 1000;

/**
 * SEMI G85 (revision 1101): bins as three decimal digits, as four hexadecimal ones where a bin is over 253. Rows
 * and columns are counted from the upper left, whichever way the tester counts.
 */
export function g85Text(map: BinMap): string {
  const codes = binCodesFor(map.bins, 'Decimal');
  const device = attributes({
    ProductId: map.product,
    LotId: map.lot,
    SubstrateType: 'Wafer',
    WaferSize: map.diameterMm,
    DeviceSizeX: map.step && inMicrons(map.step.x),
    DeviceSizeY: map.step && inMicrons(map.step.y),
    Rows: map.rows,
    Columns: map.columns,
    Orientation: orientationText(map.flat),
    OriginLocation: UPPER_LEFT,
    BinType: codes.type,
    NullBin: codes.nullBin,
  });
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<Maps>',
    `<Map xmlns:semi="http://www.semi.org"${attributes({ WaferId: map.wafer })} FormatRevision="G85-1101">`,
    `<Device${device}>`,
    ...referenceLines(map),
    ...map.definitions.map((definition) => `<Bin${binAttributes(definition, codes)}/>`),
    '<Data MapName="Map" MapVersion="1">',
    ...Array.from(
      { length: map.rows },
      (_, row) => `<Row><![CDATA[${codes.row(rowOfBins(map, row))}]]></Row>`,
    ),
    '</Data>',
    '</Device>',
    '</Map>',
    '</Maps>',
  ];
  return `${lines.join('\n')}\n`;
}

/** To the nanometre: a product of decimal fractions has digits that nobody measured. */
function inMicrons(mm: number): number {
  return Number((mm * MICRONS_PER_MM).toFixed(3));
}

function inMm(microns: number): number {
  return Number((microns / MICRONS_PER_MM).toFixed(6));
}

function referenceLines({ reference }: BinMap): string[] {
  if (reference === undefined) return [];
  const place = attributes({ ReferenceDeviceX: reference.column, ReferenceDeviceY: reference.row });
  return [`<ReferenceDevice${place}/>`];
}

/**
 * Reads the first map of a G85 file, of whatever revision. Bins that no `Bin` defines are of unknown quality.
 * @throws Fault `invalid_data` where it is no G85, its rows do not fit, or its origin is not the upper left
 */
export function readG85(text: string): BinMap {
  const map = descend(rootOf(text, FORMAT, 'Maps'), 'Map');
  const device = map && descend(map, 'Device');
  if (map === undefined || device === undefined) {
    throw new Fault('invalid_data', [`${FORMAT}: no Map with a Device within Maps`]);
  }
  const codes = codesOf(device, FORMAT);
  const { rows, columns } = sizeOf(device);
  const data = descend(device, 'Data');
  const bins = binsOfRows(data === undefined ? [] : childrenOf(data, 'Row'), codes, {
    rows,
    columns,
    format: FORMAT,
  });
  const [x, y] = [positive(device.attributes.DeviceSizeX), positive(device.attributes.DeviceSizeY)];
  return {
    product: mapText(device.attributes.ProductId),
    lot: mapText(device.attributes.LotId),
    wafer: mapText(map.attributes.WaferId ?? map.attributes.SubstrateId),
    rows,
    columns,
    bins,
    definitions: definitionsOf(childrenOf(device, 'Bin'), codes, bins),
    flat: flatOfOrientation(device.attributes.Orientation),
    reference: referenceOf(device),
    step: x === undefined || y === undefined ? undefined : { x: inMm(x), y: inMm(y) },
    diameterMm: positive(device.attributes.WaferSize),
  };
}

function sizeOf({ attributes }: XmlElement): { readonly rows: number; readonly columns: number } {
  const [rows, columns] = [wholeNumber(attributes.Rows), wholeNumber(attributes.Columns)];
  const origin = attributes.OriginLocation?.trim() ?? UPPER_LEFT;
  if (rows === undefined || columns === undefined) {
    throw new Fault('invalid_data', [
      `${FORMAT}: found Rows "${attributes.Rows}" and Columns "${attributes.Columns}", expected whole numbers`,
    ]);
  }
  if (origin !== UPPER_LEFT) {
    throw new Fault('invalid_data', [
      `${FORMAT}: OriginLocation is "${origin}", read is ${UPPER_LEFT}, the upper left: houses differ in what the others mean for the rows`,
    ]);
  }
  return { rows, columns };
}

function referenceOf(device: XmlElement): BinMap['reference'] {
  const found = descend(device, 'ReferenceDevice')?.attributes;
  const [column, row] = [wholeNumber(found?.ReferenceDeviceX), wholeNumber(found?.ReferenceDeviceY)];
  return column === undefined || row === undefined ? undefined : { column, row };
}
