import { scoreDies } from '../../src/training/screen/screen.js';
import { simulateLots } from '../../src/training/simulator/lot.js';
import { createProduct } from '../../src/training/simulator/product.js';
import type { DieTable } from '../../src/training/table/die-table.js';
import { type TrainingResult, trainScreen } from '../../src/training/train.js';
import { percent, row } from './table.js';

/** Asked for at training: the default of `diegate train`. */
const RATE = 0.0075;
const FURTHER_LOTS = 40;

/** What a training promises of false alarms, and what became of it on further lots. */
export interface KeptPromise {
  /** What split conformal prediction promises, if dies were independent of their lot. */
  readonly promised: number;
  /** On further lots, all dies together. */
  readonly true: number;
  readonly spread: NonNullable<TrainingResult['falseAlarmSpread']>;
}

/** Trains on so many lots again and again, and tries each screen on lots that no training has seen. */
export function trainOften(
  shape: { readonly lots: number; readonly wafersPerLot: number; readonly diesAcross: number },
  runs: number,
): KeptPromise[] {
  const further = tableOf({ ...shape, lots: FURTHER_LOTS, wafersPerLot: 1 }, 9_000);
  return Array.from({ length: runs }, (_, run) => {
    const found = trainScreen(tableOf(shape, 100 + run), { falseAlarmRate: RATE, facts: new Map() });
    const scores = scoreDies(found.screen, further.values);
    const good = scores.filter((_, die) => further.passing[die] === 1);
    const { falseAlarmSpread: spread } = found;
    if (spread === undefined) throw new Error('no spread');
    return {
      promised: found.limits.combined.guaranteedRate,
      true: good.filter((score) => score > 1).length / good.length,
      spread,
    };
  });
}

function tableOf(
  shape: { readonly lots: number; readonly wafersPerLot: number; readonly diesAcross: number },
  seed: number,
): DieTable {
  const product = createProduct();
  const dies = [...simulateLots(product, { ...shape, seed, defectRate: 1 })].flatMap(({ lotId, wafers }) =>
    [...wafers].flatMap((wafer) => wafer.dies.map((die) => ({ ...die, lotId, waferId: wafer.waferId }))),
  );
  const width = product.parameters.length;
  const values = new Float32Array(dies.length * width);
  dies.forEach(({ measurement }, die) => {
    values.set(measurement, die * width);
  });
  return {
    parameters: product.parameters.map(({ name }) => name),
    dies: dies.length,
    values,
    labelled: true,
    passing: Uint8Array.from(dies, ({ hardBin }) => (hardBin === 1 ? 1 : 0)),
    defects: dies.map(({ defect }) => defect),
    lots: dies.map(({ lotId }) => lotId),
    wafers: dies.map(({ waferId }) => waferId),
    ignoredColumns: [],
    sources: [],
  };
}

/** What the card promises of false alarms, against lots that no training has seen: a table of docs/statistics.md. */
export function cardTruth(runs: number): string {
  const shapes = [
    { lots: 10, wafersPerLot: 1, diesAcross: 8 },
    { lots: 10, wafersPerLot: 4, diesAcross: 8 },
    { lots: 1, wafersPerLot: 12, diesAcross: 8 },
  ];
  return [
    '### False alarms that the model card promises, on 40 further lots',
    '',
    '| lots × wafers | "at most", if lots were alike | true: mean, worst of all trainings | card: mean of the draws | card: nine of ten draws, upper end | card: over many lots at most | true above that |',
    '|---|---|---|---|---|---|---|',
    ...shapes.map((shape) => {
      const kept = trainOften(shape, runs);
      const mean = (of: (one: KeptPromise) => number) =>
        kept.reduce((sum, one) => sum + of(one), 0) / kept.length;
      return row(
        `${shape.lots} × ${shape.wafersPerLot}`,
        percent(mean(({ promised }) => promised)),
        `${percent(mean((one) => one.true))}, ${percent(Math.max(...kept.map((one) => one.true)))}`,
        percent(mean(({ spread }) => spread.mean)),
        percent(mean(({ spread }) => spread.high)),
        percent(mean(({ spread }) => spread.further?.high ?? 1)),
        percent(kept.filter((one) => one.true > (one.spread.further?.high ?? 1)).length / kept.length),
      );
    }),
  ].join('\n');
}
