import type { DieLabel } from '../die/die.js';
import { murmur3 } from './murmur3.js';
import { type Split, type StickyKey, takersOf } from './split.js';

/** What decides which version a die gets: its label of that name, else its `die_id`. */
export function stickyKeyOf(label: DieLabel, by: StickyKey): string {
  return label[by] ?? label.die_id;
}

/** The version that answers for a die. */
type Assign = (label: DieLabel) => string;

/**
 * Assigns dies to versions by weighted rendezvous hashing (Thaler and Ravishankar 1998; weighted by
 * Schindelhauer and Schomaker 2005): each version draws a number from a hash of its name and the die's
 * key, -ln(u) / weight, and the least one wins. It is a race of exponential clocks, so a version wins
 * with exactly its share, and the same key always gets the same version, in every process, after any
 * restart, with nothing stored.
 *
 * - A version that grows while the others keep their proportions only gains keys and no other key moves:
 *   from 90 : 10 to 75 : 25 those 15% move and no other. Of three or more versions, where one grows at the
 *   cost of a single other, the proportion of the rest changes too: from 80 : 10 : 10 to 65 : 25 : 10, 14.8%
 *   move to the one that grows, and 1.2% from the one that shrinks to the third.
 * - The model's name is in the hash: the canaries of two models do not meet on the same wafers.
 * - A die without the split's label goes by its `die_id`.
 * - Weights are shares of the keys. Few keys (wafer ids "1" to "25" in every lot) give coarse shares.
 *
 * Makes no object for a die.
 */
export function createAssign(model: string, { by, weights }: Split): Assign {
  const versions = takersOf({ weights });
  const [first = ''] = versions;
  if (versions.length === 1) return () => first;
  const seeds = Uint32Array.from(versions, (version) => murmur3(`${model}/${version}`, 0));
  const rates = Float64Array.from(versions, (version) => weights[version] ?? 0);
  return (label) => {
    const key = stickyKeyOf(label, by);
    let winner = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < seeds.length; i++) {
      // The middle of the hash's cell: above 0 and below 1, so that the logarithm is finite and not 0.
      const uniform = (murmur3(key, seeds[i] ?? 0) + 0.5) / 4_294_967_296;
      const time = -Math.log(uniform) / (rates[i] ?? 0);
      if (time < least) {
        least = time;
        winner = i;
      }
    }
    return versions[winner] ?? first;
  };
}
