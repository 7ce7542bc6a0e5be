import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import {
  type CreepOptions,
  simulateCreep,
  whenFailRateMoved,
} from '../../bench/scenarios/creeping-tester.js';
import { readVersion } from '../../src/models/repository/read-version.js';

// Eight via chain resistances: one block of the test program, as one source-measure unit would have.
const PARAMETERS = [280, 281, 282, 283, 284, 285, 286, 287];
const CREEP_FROM = 16;
const TESTER = 'T03';

let options: CreepOptions;

beforeAll(async () => {
  const version = await readVersion('models/die-defect/1', 'die-defect', '1');
  const session = await InferenceSession.create(version.modelFile, { intraOpNumThreads: 1 });
  options = {
    version,
    score: async (params, dies) => {
      const input = new Tensor('float32', params, [dies, version.contract.parameterCount]);
      const { anomaly_score: output } = await session.run({ test_params: input }, ['anomaly_score']);
      if (!(output?.data instanceof Float32Array)) throw new Error('the model gave no float32 score');
      return output.data;
    },
    decide: version.decide,
    seed: 2027,
    steps: 48,
    diesAcross: 7,
    minimumDies: 300,
    tester: TESTER,
    creepFrom: CREEP_FROM,
    sigmasPerWafer: 0.1,
    parameters: PARAMETERS,
  };
});

test('a tester that creeps by a tenth of a sigma a wafer is flagged, it alone, for its parameters alone, long before its fail rate moves', async () => {
  const { steps, flagged } = await simulateCreep(options);
  expect(new Set(flagged.map(({ equipmentId }) => equipmentId))).toEqual(new Set([TESTER]));
  const [first] = flagged;
  expect(first?.step).toBeGreaterThanOrEqual(CREEP_FROM);
  expect(first?.parameters.length).toBeGreaterThan(0);
  for (const p of first?.parameters ?? []) expect(PARAMETERS).toContain(p);
  const failsFrom = whenFailRateMoved(steps, TESTER, CREEP_FROM) ?? steps.length;
  expect(failsFrom - (first?.step ?? steps.length)).toBeGreaterThanOrEqual(6);
}, 120_000);
