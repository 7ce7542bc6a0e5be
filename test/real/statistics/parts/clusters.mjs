import { studentUpperTail } from '../../../../dist/statistics/student.js';
import { ClusteredDies } from '../../../../dist/traffic/clusters.js';
import { murmur3 } from '../../../../dist/traffic/murmur3.js';
import { createRandom } from '../../../../dist/training/random.js';

const BUCKETS = 64;

/** Wafers as [marked, dies]: even and uneven ones, few and many, alike and not. */
export default function cases() {
  const random = createRandom('clusters against statsmodels');
  return [2, 3, 8, 20, 40].flatMap((wafers) =>
    [0.15, 0.3].map((spread) => {
      const found = Array.from({ length: wafers }, (_, i) => {
        const dies = 50 + random.below(400);
        const share = 0.1 + spread * (i % 2 === 0 ? 1 : 0) * (0.5 + 0.5 * random.uniform());
        return [Math.round(share * dies), dies];
      });
      return caseOf(found);
    }),
  );
}

function caseOf(wafers) {
  const counted = new ClusteredDies();
  const names = apart(wafers.length);
  wafers.forEach(([marked, dies], i) => {
    for (let die = 0; die < dies; die++) counted.record(names[i], die < marked);
  });
  const { effect, clusters } = counted.spread();
  const dies = wafers.reduce((sum, [, n]) => sum + n, 0);
  const share = wafers.reduce((sum, [marked]) => sum + marked, 0) / dies;
  const t = (share - 0.1) / Math.sqrt((effect * share * (1 - share)) / dies);
  // An effect below 1 is held at 1: such wafers are not among these.
  return {
    what: `${wafers.length} wafers, a share of ${share.toFixed(3)}`,
    input: { wafers },
    ours: [effect, 2 * studentUpperTail(t, clusters - 1)],
    tolerance: 1e-8,
  };
}

/** Names of wafers that are counted in buckets of their own. */
function apart(count) {
  const names = new Map();
  for (let i = 0; names.size < count; i++) {
    const bucket = murmur3(`wafer ${i}`, 0) % BUCKETS;
    if (!names.has(bucket)) names.set(bucket, `wafer ${i}`);
  }
  return [...names.values()];
}
