import type { SimulatedLot } from './lot.js';
import type { Product } from './product.js';

/** Columns before the parameters; the trainer knows them all as context, not as parameters. */
const CONTEXT_COLUMNS = [
  'die_id',
  'lot_id',
  'wafer_id',
  'x',
  'y',
  'equipment_id',
  'hard_bin',
  'soft_bin',
  'label',
  'defect',
];

/** The text of a CSV file of the lots: a header, then one die a line, in pieces of one wafer. */
export function* lotsAsCsv(product: Product, lots: Iterable<SimulatedLot>): Generator<string> {
  yield `${[...CONTEXT_COLUMNS, ...product.parameters.map(({ name }) => name)].join(',')}\n`;
  for (const { lotId, wafers } of lots) {
    for (const { waferId, equipmentId, dies } of wafers) {
      const lines = dies.map((die) => {
        const { dieId, x, y, hardBin, softBin, defect, measurement } = die;
        const label = defect === undefined ? 'pass' : 'fail';
        const context = [dieId, lotId, waferId, x, y, equipmentId, hardBin, softBin, label, defect ?? ''];
        return `${context.join(',')},${measurement.join(',')}\n`;
      });
      yield lines.join('');
    }
  }
}
