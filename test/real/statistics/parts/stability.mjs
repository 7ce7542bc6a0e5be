import { stabilityIndex } from '../../../../dist/drift/psi.js';
import { createRandom } from '../../../../dist/training/random.js';

export default function cases() {
  const random = createRandom('stability against scipy');
  return [2, 5, 10, 11].flatMap((bins) =>
    [0, 1, 2].map((run) => {
      const [expected, actual] = [sharesOf(bins, random), sharesOf(bins, random)];
      const { uncorrected } = stabilityIndex(expected, 5000, actual, 800);
      return {
        what: `${bins} bins, ${run}`,
        input: { expected, actual },
        ours: uncorrected,
        tolerance: 1e-10,
      };
    }),
  );
}

function sharesOf(bins, random) {
  const weights = Array.from({ length: bins }, () => 0.1 + random.uniform());
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
