import type { DieLabel } from '../die/die.js';
import type { MeasuredPart, PartMeasurer } from '../lots/measure-part.js';
import { type Unscorable, whyUnscorable } from '../lots/unscorable.js';
import type { Lot, Part, PartStream } from '../stdf/stdf.js';

/** A part that can be posted, and the text of its payload: what is sent, on every attempt, as it is. */
export interface PostableDie {
  readonly part: Part;
  readonly label: DieLabel;
  readonly json: string;
}

/** What a version asks of a measurement. */
interface Measuring {
  readonly measurer: PartMeasurer;
  readonly acceptsMissing: boolean;
  /** Throws where the lot's tests are not the model's: asked once a part that passed has shown them, or at the end. */
  readonly judge?: (lot: Lot) => void;
}

/**
 * The dies of a lot in the order in which their parts ended, in groups of `size`, the last one smaller.
 * Parts that cannot be posted are told to `onSkipped` in their place of that order; all parts are told to
 * `onPart` before.
 */
export async function* touchdownsOf(
  parts: PartStream,
  measuring: Measuring,
  size: number,
  told: {
    readonly onPart: (part: Part) => void;
    readonly onSkipped: (part: Part, why: Unscorable) => void;
  },
): AsyncGenerator<readonly PostableDie[], void, void> {
  let group: PostableDie[] = [];
  let lot: Lot | undefined;
  let at = -1;
  const judged = new Set<Lot>();
  for await (const part of parts) {
    told.onPart(part);
    if (part.lot !== at) [lot, at] = [parts.lots()[part.lot], part.lot];
    if (lot === undefined) throw new Error(`no lot ${part.lot}`);
    const measured = measuring.measurer.measure(part, lot);
    // A part that failed may have stopped before the tests that tell.
    if (part.verdict === 'pass' && !judged.has(lot)) {
      judged.add(lot);
      measuring.judge?.(lot);
    }
    const why = whyUnscorable(measured, measuring.acceptsMissing);
    if (why !== undefined) {
      told.onSkipped(part, why);
      continue;
    }
    group.push({ part, label: measured.label, json: payloadOf(measured) });
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  for (const last of parts.lots()) if (!judged.has(last)) measuring.judge?.(last);
  if (group.length > 0) yield group;
}

/** The payload of /predict. A float32 is written so that it is the same float32 again; NaN becomes null. */
function payloadOf({ label, params }: MeasuredPart): string {
  const { others, ...fields } = label;
  return JSON.stringify({ ...fields, ...others, test_params: Array.from(params) });
}
