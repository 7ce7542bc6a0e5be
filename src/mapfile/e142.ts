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
  xmlText,
} from './xml.js';
import { binAttributes, binsOfRows, codesOf, definitionsOf } from './xml-bins.js';

const FORMAT = 'E142';
const NAMESPACE = 'urn:semi-org:xsd.E142-1.V1005.SubstrateMap';
const WAFER_LAYOUT = 'WaferLayout';
const DIE_LAYOUT = 'Devices';
const GOOD_BINS = 'pass';

/**
 * SEMI E142.1: one substrate with one BinCodeMap, bins as two hexadecimal digits, as four where a bin is over 253.
 * OriginLocation UpperLeft with AxisDirection DownRight makes the first row the top one by every reading of the
 * standard.
 */
export function e142Text(map: BinMap): string {
  const codes = binCodesFor(map.bins, 'HexaDecimal');
  const substrate = { SubstrateType: 'Wafer', SubstrateId: map.wafer };
  const where = attributes({
    ...substrate,
    LayoutSpecifier: `${WAFER_LAYOUT}/${DIE_LAYOUT}`,
    SubstrateSide: 'TopSide',
    Orientation: orientationText(map.flat),
    OriginLocation: 'UpperLeft',
    AxisDirection: 'DownRight',
  });
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<MapData xmlns="${NAMESPACE}">`,
    ...layoutLines(map),
    '<Substrates>',
    `<Substrate${attributes(substrate)}>`,
    `<LotId>${xmlText(map.lot)}</LotId>`,
    `<GoodDevices>${goodDies(map)}</GoodDevices>`,
    '</Substrate>',
    '</Substrates>',
    '<SubstrateMaps>',
    `<SubstrateMap${where}>`,
    '<Overlay MapName="BinCodeMap" MapVersion="1">',
    ...referenceLines(map),
    `<BinCodeMap${attributes({ BinType: codes.type, NullBin: codes.nullBin, MapType: '2DArray' })}>`,
    '<BinDefinitions>',
    ...map.definitions.map((definition) => `<BinDefinition${binAttributes(definition, codes)}/>`),
    '</BinDefinitions>',
    ...Array.from({ length: map.rows }, (_, row) => `<BinCode>${codes.row(rowOfBins(map, row))}</BinCode>`),
    '</BinCodeMap>',
    '</Overlay>',
    '</SubstrateMap>',
    '</SubstrateMaps>',
    '</MapData>',
  ];
  return `${lines.join('\n')}\n`;
}

function goodDies({ definitions }: BinMap): number {
  return definitions.reduce((sum, { quality, count }) => sum + (quality === GOOD_BINS ? count : 0), 0);
}

function layoutLines({ product, rows, columns, step, diameterMm }: BinMap): string[] {
  return [
    '<Layouts>',
    `<Layout LayoutId="${WAFER_LAYOUT}" DefaultUnits="mm" TopLevel="true">`,
    '<Dimension X="1" Y="1"/>',
    ...(diameterMm === undefined ? [] : [`<DeviceSize X="${diameterMm}" Y="${diameterMm}"/>`]),
    `<ChildLayouts><ChildLayout LayoutId="${DIE_LAYOUT}"/></ChildLayouts>`,
    '</Layout>',
    `<Layout LayoutId="${DIE_LAYOUT}" DefaultUnits="mm">`,
    `<Dimension X="${columns}" Y="${rows}"/>`,
    ...(step === undefined ? [] : [`<StepSize X="${step.x}" Y="${step.y}"/>`]),
    `<ProductId>${xmlText(product)}</ProductId>`,
    '</Layout>',
    '</Layouts>',
  ];
}

function referenceLines({ reference }: BinMap): string[] {
  if (reference === undefined) return [];
  const place = attributes({ X: reference.column, Y: reference.row });
  return [
    `<ReferenceDevices><ReferenceDevice Name="FirstDevice"><Coordinates${place}/></ReferenceDevice></ReferenceDevices>`,
  ];
}

/**
 * Reads the first BinCodeMap of a file. Bins that no BinDefinition defines are of unknown quality.
 * @throws Fault `invalid_data` where it is no E142, its rows do not fit, or its origin is not the upper left
 */
export function readE142(text: string): BinMap {
  const root = rootOf(text, FORMAT, 'MapData');
  const map = descend(root, 'SubstrateMaps', 'SubstrateMap');
  const overlay = map && descend(map, 'Overlay');
  const binCodeMap = overlay && descend(overlay, 'BinCodeMap');
  if (map === undefined || overlay === undefined || binCodeMap === undefined) {
    throw new Fault('invalid_data', [`${FORMAT}: no SubstrateMap with an Overlay with a BinCodeMap`]);
  }
  assertUpperLeft(map);
  const codes = codesOf(binCodeMap, FORMAT);
  const layout = dieLayout(root, map);
  const codeRows = childrenOf(binCodeMap, 'BinCode');
  const dimension = layout && descend(layout, 'Dimension')?.attributes;
  const rows = wholeNumber(dimension?.Y) ?? codeRows.length;
  const columns = wholeNumber(dimension?.X) ?? codes.bins(codeRows[0]?.text ?? '')?.length ?? 0;
  const bins = binsOfRows(codeRows, codes, { rows, columns, format: FORMAT });
  const definitions = descend(binCodeMap, 'BinDefinitions');
  return {
    product: mapText((layout && descend(layout, 'ProductId'))?.text),
    lot: mapText(descend(root, 'Substrates', 'Substrate', 'LotId')?.text),
    wafer: mapText(map.attributes.SubstrateId),
    rows,
    columns,
    bins,
    definitions: definitionsOf(
      definitions === undefined ? [] : childrenOf(definitions, 'BinDefinition'),
      codes,
      bins,
    ),
    flat: flatOfOrientation(map.attributes.Orientation),
    reference: referenceOf(overlay),
    step: stepOf(layout),
    diameterMm: diameterOf(root),
  };
}

/** Both are the standard's defaults for the lower left, where houses differ in which row comes first. */
function assertUpperLeft({ attributes }: XmlElement): void {
  const { OriginLocation = 'LowerLeft', AxisDirection = 'UpRight' } = attributes;
  if (/^(?:to)?UpperLeft$/i.test(OriginLocation) && /^DownRight$/i.test(AxisDirection)) return;
  throw new Fault('invalid_data', [
    `${FORMAT}: OriginLocation ${OriginLocation} with AxisDirection ${AxisDirection}, read is UpperLeft with DownRight: houses differ in which row comes first for the others`,
  ]);
}

/** The layout that the map's LayoutSpecifier ends with. */
function dieLayout(root: XmlElement, map: XmlElement): XmlElement | undefined {
  const id = map.attributes.LayoutSpecifier?.split('/').at(-1);
  return layoutsOf(root).find(({ attributes }) => attributes.LayoutId === id);
}

function layoutsOf(root: XmlElement): XmlElement[] {
  const layouts = descend(root, 'Layouts');
  return layouts === undefined ? [] : childrenOf(layouts, 'Layout');
}

function stepOf(layout: XmlElement | undefined): BinMap['step'] {
  const found = layout && descend(layout, 'StepSize')?.attributes;
  const [x, y] = [positive(found?.X), positive(found?.Y)];
  return x === undefined || y === undefined ? undefined : { x, y };
}

function diameterOf(root: XmlElement): number | undefined {
  const wafer = layoutsOf(root).find(({ attributes }) => attributes.LayoutId === WAFER_LAYOUT);
  return wafer && positive(descend(wafer, 'DeviceSize')?.attributes.X);
}

function referenceOf(overlay: XmlElement): BinMap['reference'] {
  const found = descend(overlay, 'ReferenceDevices', 'ReferenceDevice', 'Coordinates')?.attributes;
  const [column, row] = [wholeNumber(found?.X), wholeNumber(found?.Y)];
  return column === undefined || row === undefined ? undefined : { column, row };
}
