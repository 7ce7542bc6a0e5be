import { runCanaries } from './canaries.js';
import { percent, row } from './table.js';
import { compareOften, coverageOfShares } from './versions.js';

/**
 * What experiments and canaries make of versions whose fail rates are known: the tables of docs/statistics.md.
 * Seeded; some minutes. `npm run truth -- traffic`
 */
export function trafficTruth(runs: number): string {
  return [
    '### Two equal versions compared',
    '',
    '| fail rate | correlation | wafers | `roll_back` | `promote` | p < 0.05 | difference covered |',
    '|---|---|---|---|---|---|---|',
    ...comparisons(runs),
    '',
    '### Coverage of 95% intervals of one share, by wafer',
    '',
    '| share | correlation | wafers | disagreement | errors |',
    '|---|---|---|---|---|',
    ...coverages(runs),
    '',
    '### Canaries with the default plan on four testers (a wafer of 400 dies takes each half an hour)',
    '',
    '| old, new fail rate | correlation | completed | paused | rolled back | median minutes to the roll-back | to either |',
    '|---|---|---|---|---|---|---|',
    ...canaries(runs),
  ].join('\n');
}

function* comparisons(runs: number): Generator<string> {
  for (const rate of [0.01, 0.05, 0.2]) {
    for (const correlation of [0, 0.02, 0.12]) {
      for (const wafers of [
        [1, 1],
        [9, 1],
        [2, 2],
        [9, 2],
        [27, 3],
        [40, 40],
      ] as const) {
        const process = { rate, correlation, dies: 400 };
        const found = compareOften([process, process], wafers, runs, `${rate} ${correlation} ${wafers}`);
        yield row(
          rate,
          correlation,
          wafers.join(' + '),
          percent(found.rolledBack),
          percent(found.promoted),
          percent(found.significant),
          Number.isNaN(found.covered) ? 'none given' : percent(found.covered),
        );
      }
    }
  }
}

function* coverages(runs: number): Generator<string> {
  for (const rate of [0.01, 0.05]) {
    for (const correlation of [0.02, 0.05]) {
      for (const wafers of [5, 20, 60]) {
        const found = coverageOfShares(
          { rate, correlation, dies: 400 },
          wafers,
          runs,
          `${rate} ${correlation} ${wafers}`,
        );
        yield row(rate, correlation, wafers, percent(found.disagreement), percent(found.errors));
      }
    }
  }
}

function* canaries(runs: number): Generator<string> {
  for (const correlation of [0.02, 0.12]) {
    for (const rates of [
      [0.05, 0.05],
      [0.2, 0.2],
      [0.001, 0.001],
      [0.05, 0.1],
      [0.001, 0.008],
      [0.001, 0],
    ] as const) {
      const floor = { testers: 4, waferMinutes: 30, diesAWafer: 400, correlation };
      const found = runCanaries(floor, rates, {}, runs, `${correlation} ${rates}`);
      yield row(
        rates.join(', '),
        correlation,
        percent(found.completed),
        percent(found.paused),
        percent(found.rolledBack),
        found.medianMinutesToRollBack ?? '',
        found.medianMinutesToStop ?? '',
      );
    }
  }
}
