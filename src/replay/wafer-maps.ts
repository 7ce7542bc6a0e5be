import type { Contribution, Prediction } from '../die/prediction.js';
import { type MappedPart, waferMapsOf } from '../lots/wafer-maps.js';
import type { Parameter } from '../models/manifest/manifest.js';
import type { Lot, Part } from '../stdf/stdf.js';
import type { WaferMap } from '../wafermap/wafer-map.js';

/** Gathers the wafer maps of a lot from its parts and what the model said of them. */
export interface MapCollector {
  /** A part as it was read, in the order of the file. */
  read(part: Part): void;
  /** The prediction of a part that was read, in any order. */
  answered(part: Part, dieId: string, prediction: Prediction): void;
  maps(lot: Lot, threshold: number): readonly WaferMap[];
}

/**
 * Memory grows with the parts of the file, not with their results.
 *
 * @param parameters of the model that explains, in its order
 */
export function createMapCollector(parameters: readonly Parameter[]): MapCollector {
  const mapped: MappedPart[] = [];
  function place(part: Part, dieId: string, prediction: Prediction | undefined): void {
    const { x, y, verdict, hardBin, wafer } = part;
    mapped[part.index] = {
      part: { x, y, verdict, hardBin, wafer },
      dieId,
      prediction: prediction?.prediction,
      score: prediction?.anomaly_score,
      reasons: prediction?.explanation?.map((each) => reasonOf(each, parameters[each.index])) ?? [],
    };
  }
  return {
    read: (part) => place(part, part.partId ?? `n${part.index}`, undefined),
    answered: place,
    maps: (lot, threshold) => waferMapsOf(mapped, lot, threshold),
  };
}

/** A contribution as a person reads it: `1030 vdd_leak 1.24 µA (expected 0.31): 62%`. */
function reasonOf({ name, value, expected, share }: Contribution, parameter: Parameter | undefined): string {
  const test = parameter?.testNumber === undefined ? '' : `${parameter.testNumber} `;
  const unit = parameter?.unit === undefined ? '' : ` ${parameter.unit}`;
  const measured = value === null ? 'not measured' : `${short(value)}${unit}`;
  const normal = expected === null ? '' : ` (expected ${short(expected)})`;
  return `${test}${name} ${measured}${normal}: ${Math.round(100 * share)}%`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
