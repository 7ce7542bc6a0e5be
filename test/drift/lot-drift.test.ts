import { describe, expect, test } from 'vitest';
import { createLotDriftCounter } from '../../src/drift/lot-drift.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import { createRandom } from '../../src/training/random.js';
import { sumVersion } from '../support/models.js';
import { referenceOfColumns } from './references.js';

const random = createRandom('lot-drift');
const normals = (count: number) => Array.from({ length: count }, () => random.normal());
const { manifest } = sumVersion(2, {
  input: { name: 'test_params', parameters: [{ name: 'VTN' }, { name: 'IDD' }] },
});
const reference = referenceOfColumns([normals(4000), normals(4000)]);
const version = createModelVersion(ManifestSchema.parse(manifest), reference, 'model.onnx');

interface Lot {
  readonly wafers: number;
  readonly testers?: readonly string[];
  readonly packaged?: boolean;
  /** Shift of the second parameter in standard deviations. */
  shift(tester: string, site: string): number;
}

/** Wafers of 200 dies, alternately on the testers, at four sites each. */
function driftOf({ wafers, testers = ['T1'], packaged = false, shift }: Lot) {
  const counter = createLotDriftCounter(version);
  for (let wafer = 0; wafer < wafers; wafer++) {
    const tester = testers[wafer % testers.length] ?? 'T1';
    for (let die = 0; die < 200; die++) {
      const site = `1/${die % 4}`;
      const params = Float32Array.of(random.normal(), random.normal() + shift(tester, site));
      const score = Math.abs(params[0] ?? 0) + Math.abs(params[1] ?? 0);
      const where = { equipment: tester, site, wafer: packaged ? undefined : `W${wafer}` };
      counter?.count({ params, row: Float32Array.of(score), ...where });
    }
  }
  return counter?.finish();
}

describe('drift of a lot against the reference of the model', () => {
  test('dies like those of the training do not drift, on any tester or site', () => {
    const drift = driftOf({ wafers: 16, shift: () => 0 });
    expect(drift).toMatchObject({ verdict: 'stable', dies: 3200, steps: 16, referenceDies: 4000 });
    expect(drift?.sites).toHaveLength(4);
    for (const site of drift?.sites ?? [])
      expect(site).toMatchObject({ dies: 800, judged: true, drifts: false });
  });

  test('one site that is off is named, with its parameter, and the others are not', () => {
    const drift = driftOf({ wafers: 16, shift: (_, site) => (site === '1/2' ? 1.5 : 0) });
    const drifting = drift?.sites.filter(({ drifts }) => drifts).map(({ name }) => name);
    expect(drifting).toEqual(['T1 1/2']);
    const site = drift?.sites.find(({ name }) => name === 'T1 1/2');
    expect(site?.worst[0]?.name).toBe('IDD');
  });

  test('one tester that is off is told from the product, which is told by all of them', () => {
    const testers = ['T1', 'T2', 'T3'];
    const one = driftOf({ wafers: 24, testers, shift: (tester) => (tester === 'T2' ? 1.5 : 0) });
    expect(one?.verdict).toBe('equipment');
    expect(one?.equipment.filter(({ drifts }) => drifts).map(({ name }) => name)).toEqual(['T2']);
    const all = driftOf({ wafers: 24, testers, shift: () => 1.5 });
    expect(all?.verdict).toBe('product');
    expect(all?.parameters[1]?.mean_shift).toBeCloseTo(1.5, 0);
  });

  test('fewer wafers than tell how wafers differ are measured and not judged', () => {
    const drift = driftOf({ wafers: 3, shift: () => 3 });
    expect(drift).toMatchObject({ verdict: 'collecting', steps: 3 });
    expect(drift?.psiMax).toBeGreaterThan(1);
    // 150 dies of a site are too few to be compared at all.
    for (const site of drift?.sites ?? []) {
      expect(site).toMatchObject({ judged: false, drifts: false, psiMax: null, ownPsiMax: null });
    }
  });

  test('packaged parts are judged by blocks of 200', () => {
    expect(driftOf({ wafers: 10, packaged: true, shift: () => 0 })).toMatchObject({
      steps: 10,
      verdict: 'stable',
    });
  });

  test('a version without a reference has no drift', () => {
    const without = createModelVersion(ManifestSchema.parse(manifest), undefined, 'model.onnx');
    expect(createLotDriftCounter(without)).toBeUndefined();
  });
});
