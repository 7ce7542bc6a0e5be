import { kolmogorovSmirnov } from '../../../../dist/drift/compare.js';
import { createRandom } from '../../../../dist/training/random.js';

export default function cases() {
  const random = createRandom('distance against scipy');
  return [2, 5, 10].flatMap((values) =>
    [0, 1, 2].map((shift) => {
      const draw = (dies, by) =>
        Array.from({ length: dies }, () =>
          Math.min(values - 1, random.below(values) + (random.chance(0.3) ? by : 0)),
        );
      const [before, after] = [draw(700, 0), draw(300, shift)];
      const shares = (sample) =>
        Array.from(
          { length: values },
          (_, value) => sample.filter((each) => each === value).length / sample.length,
        );
      const ours = kolmogorovSmirnov(shares(before), shares(after));
      return { what: `${values} values, moved by ${shift}`, input: { before, after }, ours, tolerance: 1e-9 };
    }),
  );
}
