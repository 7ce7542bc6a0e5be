import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/training/random.js';
import { countComponents } from '../../src/training/screen/component-count.js';
import { controlLimit } from '../../src/training/screen/control-limit.js';
import { principalComponents } from '../../src/training/screen/principal-components.js';
import { contributionsOf, scoreDies } from '../../src/training/screen/screen.js';
import { screenAsOnnx } from '../../src/training/screen/screen-graph.js';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { trainScreen } from '../../src/training/train.js';
import { agrees } from '../../src/training/version/check-graph.js';
import { correlatedDies, csvFile, temporaryFolder } from './fixtures.js';
import { runWithOrt } from './score-with-ort.js';

const OPTIONS = { falseAlarmRate: 0.01, facts: new Map() };

async function trained(dies: number, parameters: number) {
  const table = await readDieTable([await csvFile(correlatedDies(dies, parameters, 10))]);
  return { table, result: trainScreen(table, OPTIONS) };
}

describe('the screen', () => {
  it('finds the hidden factor and catches dies that break it', async () => {
    const { result } = await trained(1000, 24);
    expect(result.normal.components).toBe(1);
    expect(result.metrics.detectionRate).toBe(1);
    expect(result.metrics.falseAlarmRate).toBeLessThan(0.03);
    expect(result.metrics.auc).toBe(1);
    expect(result.calibration.basis).toBe('labelled');
  });

  it("gives each parameter a contribution of at least 0, and they sum to the die's score", async () => {
    const { table, result } = await trained(300, 24);
    for (let die = 0; die < 20; die++) {
      const contributions = contributionsOf(result.screen, table.values.subarray(die * 24, (die + 1) * 24));
      expect(contributions.every((contribution) => contribution >= 0)).toBe(true);
      const sum = contributions.reduce((total, contribution) => total + contribution, 0);
      expect(sum).toBeCloseTo(result.scores[die], 10);
    }
  });

  it('names the parameters that are wrong', async () => {
    const { table, result } = await trained(300, 24);
    const failing = table.passing.indexOf(0);
    const contributions = contributionsOf(
      result.screen,
      table.values.subarray(failing * 24, (failing + 1) * 24),
    );
    const share = (contributions[0] + contributions[1]) / result.scores[failing];
    expect(share).toBeGreaterThan(0.8);
  });

  it('works with fewer dies than parameters, the dual way giving what the direct one gives', () => {
    const random = createRandom('wide');
    const [dies, parameters] = [12, 30];
    const z = Float64Array.from({ length: dies * parameters }, () => random.normal());
    const dual = principalComponents(z, dies, parameters);
    // Repeating every die makes the direct way apply: the same directions, the same variances but for n - 1.
    const repeated = Float64Array.from({ length: 3 * z.length }, (_, i) => z[i % z.length]);
    const direct = principalComponents(repeated, 3 * dies, parameters);
    for (let c = 0; c < 5; c++) {
      expect((direct.variances[c] * (3 * dies - 1)) / 3).toBeCloseTo(dual.variances[c] * (dies - 1), 8);
      dual.direction(c).forEach((weight, p) => {
        expect(direct.direction(c)[p]).toBeCloseTo(weight, 6);
      });
    }
  });

  it('calls noise noise', () => {
    const random = createRandom('noise');
    const [dies, parameters] = [500, 60];
    const z = Float64Array.from({ length: dies * parameters }, () => random.normal());
    expect(countComponents(principalComponents(z, dies, parameters).variances, dies, parameters)).toBe(1);
  });

  it('takes the control limit from the rank that keeps the promised rate', () => {
    const index = Float64Array.from({ length: 999 }, (_, i) => i + 1);
    expect(controlLimit(index, 0.01)).toMatchObject({ rank: 990, dies: 999 });
    expect(controlLimit(index, 0.01).limit).toBeCloseTo(990.99, 5);
    expect(controlLimit(Float64Array.of(1, 2, 3), 0.01)).toMatchObject({ rank: 3, guaranteedRate: 0.25 });
  });
});

describe('the ONNX graph of the screen', () => {
  it('gives the scores, decisions and contributions of the double-precision reference', async () => {
    const { table, result } = await trained(1000, 24);
    const { scores, contributions } = await runWithOrt(await written(result.screen), table.values, 24);
    result.scores.forEach((score, die) => {
      expect(agrees(score, scores[die]), `die ${die}: ${scores[die]}, expected ${score}`).toBe(true);
      const sum = contributions.subarray(die * 24, (die + 1) * 24).reduce((total, value) => total + value, 0);
      expect(Math.abs(sum - scores[die])).toBeLessThanOrEqual(1e-5 * scores[die]);
    });
  });

  it('gives a finite score for any finite values and for none', async () => {
    const { result } = await trained(300, 24);
    const hostile = [3.4028234663852886e38, -3.4028234663852886e38, 1e-45, 0, Number.NaN, 1e20];
    const params = Float32Array.from({ length: hostile.length * 24 }, (_, i) => hostile[Math.floor(i / 24)]);
    const { scores } = await runWithOrt(await written(result.screen), params, 24);
    expect([...scores].every(Number.isFinite)).toBe(true);
    scoreDies(result.screen, params).forEach((score, die) => {
      expect(agrees(score, scores[die])).toBe(true);
    });
  });

  // Each remainder of 4, on both sides of 64, and the width of a real lot.
  it.each([1, 5, 24, 25, 26, 27, 63, 66, 69, 130])(
    'gives a die of %i parameters the same bits alone and in any batch',
    async (parameters) => {
      const { table, result } = await trained(300, parameters);
      const file = await written(result.screen);
      const alone = await runWithOrt(file, table.values, parameters, 1);
      for (const batch of [2, 3, 7, 64, 256]) {
        const together = await runWithOrt(file, table.values, parameters, batch);
        expect(together.scores).toEqual(alone.scores);
        expect(together.contributions).toEqual(alone.contributions);
      }
    },
  );
});

async function written(screen: Parameters<typeof screenAsOnnx>[0]): Promise<string> {
  const file = join(await temporaryFolder(), 'model.onnx');
  await writeFile(file, screenAsOnnx(screen, '0.0.0'));
  return file;
}
