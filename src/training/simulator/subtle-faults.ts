import { createRandom } from '../random.js';
import { SUBTLE_MODES } from './catalogue.js';
import type { DefectShift } from './defects.js';
import type { Product } from './product.js';

/** Parameters that `shift-five` moves together, and by how much each, in standard deviations. */
const FIVE = 5;
const FIVE_SIGMAS = 2;

/**
 * Says of each die of a wafer, in the order tested, whether it has a fault that most tests do not show, and which. Numbers of its own
 * random source: all else of the wafer stays what it is without.
 */
export function createSubtleFaults(
  waferName: string,
  product: Product,
  share: number,
): () => DefectShift | undefined {
  const random = createRandom(`${waferName} subtle faults`);
  return () => {
    if (!random.chance(share)) return undefined;
    const mode = SUBTLE_MODES[random.below(SUBTLE_MODES.length)] ?? 'shift-4';
    const first = random.below(product.parameters.length);
    const direction = random.chance(0.5) ? 1 : -1;
    const shift = new Float64Array(product.parameters.length);
    if (mode === 'shift-five') {
      const group = product.parameters[first]?.group;
      const others = product.parameters.flatMap((parameter, p) => (parameter.group === group ? [p] : []));
      const from = random.below(Math.max(1, others.length - FIVE + 1));
      for (const p of others.slice(from, from + FIVE)) shift[p] = direction * FIVE_SIGMAS;
    } else {
      shift[first] = direction * { 'shift-3': 3, 'shift-4': 4, 'shift-6': 6 }[mode];
    }
    return { mode, shift };
  };
}
