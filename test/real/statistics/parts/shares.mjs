import { shareTest, wilson, zOf } from '../../../../dist/statistics/proportions.js';

export default function cases() {
  return [...intervals(), ...tests()];
}

function* intervals() {
  for (const significance of [0.05, 0.001]) {
    for (const [count, total] of [
      [0, 20],
      [1, 29],
      [81, 263],
      [7, 400_000],
      [999, 1000],
      [30, 30],
    ]) {
      const { low, high } = wilson(count, total, zOf(significance));
      const input = { function: 'wilson', count, total, significance };
      yield { what: `interval of ${count} of ${total}`, input, ours: [low, high], tolerance: 1e-9 };
    }
  }
}

function* tests() {
  for (const [from, to] of [
    [
      [12, 99],
      [5, 83],
    ],
    [
      [15, 50],
      [25, 50],
    ],
    [
      [500, 10_000],
      [610, 10_000],
    ],
    [
      [30, 400],
      [30, 400],
    ],
  ]) {
    const share = ([count, total]) => ({ count, total });
    const { z, pValue } = shareTest(share(from), share(to), 1, 0);
    yield {
      what: `${from} against ${to}`,
      input: { function: 'test', from, to },
      ours: [z, pValue],
      tolerance: 1e-9,
    };
  }
}
