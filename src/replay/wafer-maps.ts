import type { Prediction } from '../die/prediction.js';
import { explanationOf, explanationText } from '../lots/explanation.js';
import type { ValueFacts } from '../lots/measure-part.js';
import { type MappedPart, waferMapsOf } from '../lots/wafer-maps.js';
import type { Parameter } from '../models/manifest/input-schema.js';
import type { Lot, Part } from '../stdf/stdf.js';
import type { WaferMap } from '../wafermap/wafer-map.js';

/** Gathers the wafer maps of a lot from its parts and what the model said of them. */
export interface MapCollector {
  /** A part as it was read, in the order of the file. */
  read(part: Part): void;
  /** The prediction of a part that was read, in any order. */
  answered(part: Part, dieId: string, prediction: Prediction): void;
  /** The wafers of each lot of the file, in their order. */
  maps(lots: readonly Lot[], threshold: number): readonly WaferMap[];
}

/**
 * Memory grows with the parts of the file, not with their results.
 *
 * @param parameters of the model that explains, in its order
 * @param factsOf what the file says of a part's value of a parameter
 */
export function createMapCollector(
  parameters: readonly Parameter[],
  factsOf: (part: Part, parameter: number) => ValueFacts | undefined = () => undefined,
): MapCollector {
  const mapped: (MappedPart & { readonly lot: number })[] = [];
  function place(part: Part, dieId: string, prediction: Prediction | undefined): void {
    const { lot, x, y, verdict, hardBin, softBin, wafer } = part;
    mapped[part.index] = {
      lot,
      part: { x, y, verdict, hardBin, softBin, wafer },
      dieId,
      prediction: prediction?.prediction,
      score: prediction?.anomaly_score,
      reasons:
        prediction?.explanation?.map((each) =>
          explanationText(explanationOf(each, parameters, factsOf(part, each.index))),
        ) ?? [],
    };
  }
  return {
    read: (part) => place(part, part.partId ?? `n${part.index}`, undefined),
    answered: place,
    maps: (lots, threshold) =>
      lots.flatMap((lot, index) =>
        waferMapsOf(
          mapped.filter((part) => part.lot === index),
          lot,
          threshold,
        ),
      ),
  };
}
