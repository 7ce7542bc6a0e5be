import type { Prediction } from '../die/prediction.js';
import { explanationOf, explanationText } from '../lots/explanation.js';
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
    const { x, y, verdict, hardBin, softBin, wafer } = part;
    mapped[part.index] = {
      part: { x, y, verdict, hardBin, softBin, wafer },
      dieId,
      prediction: prediction?.prediction,
      score: prediction?.anomaly_score,
      reasons:
        prediction?.explanation?.map((each) =>
          explanationText(explanationOf(each, parameters, () => undefined)),
        ) ?? [],
    };
  }
  return {
    read: (part) => place(part, part.partId ?? `n${part.index}`, undefined),
    answered: place,
    maps: (lot, threshold) => waferMapsOf(mapped, lot, threshold),
  };
}
