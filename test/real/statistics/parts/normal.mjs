import { normalUpperQuantile, normalUpperTail } from '../../../../dist/statistics/normal.js';

export default function cases() {
  const tails = [-6, -1, 0, 0.3, 1, 1.96, 2.999, 3, 3.001, 6, 12, 30, 37];
  const quantiles = [0.5, 0.3, 0.1, 0.025, 0.0005, 1e-6, 1e-12, 1e-100];
  return [
    ...tails.map((x) => made('tail', x, normalUpperTail(x))),
    ...quantiles.map((x) => made('quantile', x, normalUpperQuantile(x))),
  ];
}

function made(name, x, ours) {
  return { what: `${name} of ${x}`, input: { function: name, x }, ours, tolerance: 1e-11 };
}
