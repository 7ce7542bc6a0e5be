import { studentUpperQuantile, studentUpperTail } from '../../../../dist/statistics/student.js';

export default function cases() {
  const freedoms = [1, 2, 3, 4, 7, 30, 63, 126];
  return freedoms.flatMap((freedom) => [
    ...[0, 0.5, 1, 2, 3.3, 5].map((x) => made('tail', x, freedom, studentUpperTail(x, freedom))),
    ...[0.4, 0.1, 0.025, 0.005, 0.0005].map((x) =>
      made('quantile', x, freedom, studentUpperQuantile(x, freedom)),
    ),
  ]);
}

function made(name, x, freedom, ours) {
  const input = { function: name, x, freedom };
  return { what: `${name} of ${x}, ${freedom} degrees of freedom`, input, ours, tolerance: 1e-8 };
}
