import { falseAlarmSpread } from '../../../../dist/training/evaluation/false-alarm-spread.js';
import { createRandom } from '../../../../dist/training/random.js';

/** Lots whose scores differ: the quantiles of 1,000 of our draws beside those of 20,000 of numpy's. */
export default function cases() {
  const random = createRandom('false alarms against numpy');
  return [12, 30].map((lots) => {
    const scores = Array.from({ length: lots }, () => {
      const factor = Math.exp(0.15 * random.normal());
      return Array.from({ length: 200 }, () => factor * Math.exp(0.3 * random.normal()));
    });
    const dies = scores.flatMap((of, lot) =>
      of.map((score) => ({ score, lot: `L${lot}`, wafer: undefined })),
    );
    const { mean, low, high } = falseAlarmSpread(dies, 0.5, 0.01);
    return {
      what: `${lots} lots`,
      input: { scores, drawn: lots / 2, rate: 0.01 },
      ours: [mean, low, high],
      tolerance: 0.15,
    };
  });
}
