import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PredictionSchema } from '../../src/die/prediction.js';
import { type AdminBench, startAdminApp } from '../support/admin.js';
import { scaledVersion, type TestVersion } from '../support/models.js';

const labelled = (number: string): TestVersion => {
  const version = scaledVersion(number);
  const calibration = { method: 'logistic-log-score', slope: 2, intercept: -3, basis: 'labelled' } as const;
  return { ...version, manifest: { ...version.manifest, threshold: 1, baseRate: 0.1, calibration } };
};

const FIRST = { defaultModel: 'sum', models: { sum: { default: '1' } } };
const start = (versions: TestVersion[] = [labelled('1'), labelled('2')]) =>
  startAdminApp({ versions, serving: FIRST });

async function answered(bench: AdminBench, path = '/predict') {
  const { body } = await bench.call('POST', path, { die_id: 'd', test_params: [3, 4] });
  const { prediction, confidence, anomaly_score } = PredictionSchema.parse(body);
  return { prediction, confidence, anomaly_score };
}

const AT = '/admin/models/sum/base-rate';

const outcomes = (dies: number, prediction: 'pass' | 'fail', actual: 'pass' | 'fail', from = 0) =>
  Array.from({ length: dies }, (_, i) => ({
    die_id: `${prediction} ${actual} ${from + i}`,
    model_version: '1',
    prediction,
    actual,
  }));

describe('the base rate of a floor', () => {
  test('is set while dies are answered, for all versions of a model: other confidences, the same decisions', async () => {
    const bench = await start();
    const before = await answered(bench);
    // Log-odds 2 ln 7 - 3.
    expect(before).toMatchObject({ prediction: 'fail', anomaly_score: 7 });
    expect(before.confidence).toBeCloseTo(1 / (1 + Math.exp(3 - 2 * Math.log(7))), 6);
    const { status } = await bench.call('PUT', AT, { rate: 0.001, comment: 'three months of final test' });
    expect(status).toBe(200);
    const after = await answered(bench);
    expect(after).toMatchObject({ prediction: 'fail', anomaly_score: 7 });
    const shift = Math.log(0.001 / 0.999) - Math.log(0.1 / 0.9);
    expect(after.confidence).toBeCloseTo(1 / (1 + Math.exp(3 - 2 * Math.log(7) - shift)), 6);
    expect(after.confidence).toBeLessThan(0.5);
    expect(await answered(bench, '/models/sum/versions/2/predict')).toMatchObject({ anomaly_score: 14 });
    const saved = JSON.parse(await readFile(join(bench.repository, 'serving.json'), 'utf8'));
    expect(saved.models.sum).toMatchObject({ default: '1', baseRate: 0.001 });
    const line = bench.log.lines.find(({ action }) => action === 'base_rate');
    expect(line).toMatchObject({ from: null, to: 0.001, comment: 'three months of final test' });
    await bench.call('POST', '/admin/models/sum/versions/2/promote');
    const { body } = await bench.call('GET', '/models/sum');
    expect(body).toMatchObject({
      versions: [
        { version: '1', base_rate: { trained_at: 0.1, in_force: 0.001 } },
        { version: '2', base_rate: { trained_at: 0.1, in_force: 0.001 } },
      ],
    });
    expect((await bench.call('DELETE', AT)).status).toBe(200);
    expect((await bench.call('GET', '/models/sum/versions/1')).body).toMatchObject({
      base_rate: { trained_at: 0.1, in_force: 0.1 },
    });
    expect(await answered(bench, '/models/sum/versions/1/predict')).toEqual(before);
  });

  test('is taken from outcomes when somebody says so, and by outcomes alone nothing changes', async () => {
    const bench = await start();
    const before = await answered(bench);
    const none = await bench.call('PUT', AT, { rate: 'outcomes' });
    expect([none.status, JSON.stringify(none.body)]).toEqual([
      409,
      expect.stringContaining('none were posted'),
    ]);
    const post = (some: unknown) => bench.call('POST', '/models/sum/outcomes', some);
    await post([...outcomes(970, 'pass', 'pass'), ...outcomes(5, 'pass', 'fail')]);
    const selected = await bench.call('PUT', AT, { rate: 'outcomes' });
    expect(JSON.stringify(selected.body)).toContain('of dies that it passed only, expected both');
    await post(outcomes(15, 'fail', 'fail'));
    await post(outcomes(10, 'fail', 'pass'));
    expect(await answered(bench)).toEqual(before);
    expect((await bench.call('GET', '/models')).body).toMatchObject({
      models: [
        {
          outcomes: {
            passed: { dies: 975, failing: 5 },
            failed: { dies: 25, failing: 15 },
            // Wilson, 20 of 1000.
            failing_rate: { value: 0.02, low: expect.closeTo(0.013, 3), high: expect.closeTo(0.0307, 3) },
          },
        },
      ],
    });
    expect((await bench.call('PUT', AT, { rate: 'outcomes' })).body).toMatchObject({
      serving: { baseRate: 0.02 },
    });
    expect((await answered(bench)).confidence).toBeLessThan(before.confidence);
  });

  test('is refused where it is none, and of a model that nobody says what it was made for', async () => {
    const bench = await start([scaledVersion('1')]);
    for (const rate of [0, 1, -0.1, 'some', undefined]) {
      expect((await bench.call('PUT', AT, { rate })).status, String(rate)).toBe(422);
    }
    const { status, body } = await bench.call('PUT', AT, { rate: 0.01 });
    expect([status, JSON.stringify(body)]).toEqual([
      409,
      expect.stringContaining('no version of sum says which base rate it was made for'),
    ]);
    expect((await bench.call('GET', '/models/sum/versions/1')).body).toMatchObject({
      base_rate: { trained_at: null, in_force: null },
    });
  });
});
