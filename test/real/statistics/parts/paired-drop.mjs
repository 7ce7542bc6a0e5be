import { compareDecisions } from '../../../../dist/cli/gate/changes.js';
import { intervalOfShares } from '../../../../dist/statistics/combined-shares.js';
import { createRandom } from '../../../../dist/training/random.js';

/** Wafers as [lost, won, dies]: of as many kinds as show a spread, so that it and not the least effect decides. */
export default function cases() {
  const random = createRandom('paired drop against statsmodels');
  return [5, 12, 40].flatMap((wafers) =>
    [0.05, 0.01].flatMap((significance) =>
      [0.2, 0.4].map((spread) => {
        const found = Array.from({ length: wafers }, (_, i) => {
          const dies = 50 + random.below(300);
          const share = 0.03 + spread * (i % 3 === 0 ? random.uniform() : 0);
          return [1 + Math.round(share * dies), 1 + random.below(4), dies];
        });
        return caseOf(found, significance);
      }),
    ),
  );
}

function caseOf(wafers, significance) {
  const [before, after, names] = [[], [], []];
  wafers.forEach(([lost, won, dies], w) => {
    for (let die = 0; die < dies; die++) {
      before.push(die >= lost && die < lost + won ? 'fail' : 'pass');
      after.push(die < lost ? 'fail' : 'pass');
      names.push(`W${w}`);
    }
  });
  const passing = new Uint8Array(before.length).fill(1);
  const { accuracyDrop } = compareDecisions({ before, after, passing, wafers: names });
  const { value, low, high } = intervalOfShares(accuracyDrop, significance);
  return {
    what: `${wafers.length} wafers, a drop of ${value.toFixed(3)} at ${significance}`,
    input: { wafers, significance },
    ours: [value, accuracyDrop.spread.effect, low, high],
    tolerance: 1e-7,
  };
}
