import { describe, expect, test } from 'vitest';
import { DRIFTING, QUIET, runDriftOften } from '../../bench/truth/drift.js';

// As many runs as take seconds; docs/statistics.md has 300 of each (npm run truth -- drift).
const RUNS = 3;

describe('a floor on which nothing drifts', () => {
  test.each(QUIET.map((drift) => [drift.name, drift] as const))('%s: nothing is called drift', (_, drift) => {
    expect(runDriftOften(drift, RUNS)).toEqual({ product: 0, equipment: 0, verdict: 0, others: 0 });
  });
});

describe('a floor on which something moves by a standard deviation', () => {
  const named = (pattern: RegExp) =>
    DRIFTING.filter(({ name }) => pattern.test(name)).map((drift) => [drift.name, drift] as const);

  test.each(named(/^[^o].*all testers by 1σ/))('%s: the product drifts, and no tester', (_, drift) => {
    expect(runDriftOften(drift, RUNS)).toMatchObject({ product: 1, equipment: 0 });
  });

  test.each(named(/continuous, one tester by 1σ/))('%s: that tester drifts, and nothing else', (_, drift) => {
    expect(runDriftOften(drift, RUNS)).toMatchObject({ product: 0, equipment: 1, others: 0 });
  });
});
