import { describe, expect, test } from 'vitest';
import { DriftReportSchema } from '../../src/drift/report.js';
import { createRandom } from '../../src/training/random.js';
import { referenceOfColumns } from '../drift/references.js';
import { sumVersion } from '../support/models.js';
import { appForSuite } from '../support/start-app.js';

const random = createRandom('drift of an app');
const column = (mean: number) => Array.from({ length: 2000 }, () => mean + random.normal());
const ofColumns = referenceOfColumns([column(10), column(20)]);
const reference = {
  ...ofColumns,
  score: { ...ofColumns.score, edges: [26, 27, 28, 29, 30, 31, 32, 33, 34] },
};

const started = appForSuite(() => ({
  versions: [{ ...sumVersion(2, { threshold: 33 }), reference }, sumVersion(2, { name: 'unreferenced' })],
  environment: { DRIFT_MINIMUM_DIES: '50', INFERENCE_WORKERS: '2' },
}));

const get = async (path: string) => {
  const answer = await fetch(`${started().url}${path}`);
  return { status: answer.status, body: (await answer.json()) as unknown };
};

/** Posts dies of an equipment in several calls, one after another. */
async function post(equipment_id: string | undefined, calls: number, mean: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const dies = Array.from({ length: 20 }, (_, i) => ({
      die_id: `d${call}-${i}`,
      ...(equipment_id === undefined ? {} : { equipment_id }),
      test_params: [mean + random.normal(), 20 + random.normal()],
    }));
    const answer = await fetch(`${started().url}/models/sum/predict/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(dies),
    });
    expect(answer.status).toBe(200);
  }
}

describe('drift of a served version', () => {
  test('is counted in the workers, by equipment, and shown with outputs and parameters', async () => {
    await post('T01', 5, 10);
    await post('T02', 5, 14);
    await post(undefined, 1, 10);
    const report = DriftReportSchema.parse((await get('/models/sum/versions/1/drift')).body);
    expect(report).toMatchObject({
      dies: 220,
      sampled_dies: 220,
      reference_dies: 2000,
      verdict: 'collecting',
    });
    expect(report.equipment.map(({ equipment_id, group, dies }) => [equipment_id, group, dies])).toEqual([
      [null, 'unnamed', 20],
      ['T01', 'equipment', 100],
      ['T02', 'equipment', 100],
    ]);
    const [first, second] = report.parameters;
    expect(first?.psi).toBeGreaterThan(0.25);
    expect(second?.psi).toBeLessThan(0.25);
    expect(first?.mean_shift).toBeCloseTo((4 * 100) / 220, 0);
    expect(report.outputs.fail_rate).toBeGreaterThan(0.2);
    expect(report.outputs.score.shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    expect(report.outputs.confidence.shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    const one = DriftReportSchema.parse((await get('/models/sum/versions/1/drift?equipment=T01')).body);
    expect(one.of_equipment).toBe('T01');
    expect(Math.abs(one.parameters[0]?.mean_shift ?? 9)).toBeLessThan(0.5);
  });

  test('is in the metrics', async () => {
    const text = await (await fetch(`${started().url}/metrics`)).text();
    const of = '{model_name="sum",model_version="1"';
    expect(text).toMatch(new RegExp(`^feature_drift_score${of},parameter="parameter 0"} [0-9.]+$`, 'm'));
    expect(text).toContain(`drift_window_dies${of}} 220`);
    expect(text).toMatch(new RegExp(`^feature_drift_score_max${of}} [0-9.]+$`, 'm'));
    expect(text).toContain(`feature_drift_parameters${of},over="0.25"} 1`);
    expect(text).toContain(`drift_active${of}} 0`);
    expect(text).not.toContain('drift_active{model_name="unreferenced"');
  });

  test.each([
    ['/models/unreferenced/versions/1/drift', 404, 'unreferenced/1 has no reference.json, or is not loaded'],
    ['/models/sum/versions/9/drift', 404, 'model "sum" has versions 1, not "9"'],
    ['/models/none/versions/1/drift', 404, 'there is no model "none"; GET /models lists all'],
    [
      '/models/sum/versions/1/drift?equipment=T99',
      422,
      'expected equipment with dies in the window (T01, T02), found "T99"',
    ],
    [
      '/models/sum/versions/1/drift?equipment=a&equipment=b',
      422,
      expect.stringContaining('expected one equipment_id'),
    ],
  ])('%s is refused with %i', async (path, status, detail) => {
    expect(await get(path)).toMatchObject({ status, body: { detail } });
  });
});
