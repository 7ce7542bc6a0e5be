import '../src/serving/workers/telemetry-off.js';
import { writeFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readVersion } from '../src/models/repository/read-version.js';
import { driftFigure } from './figures/drift-svg.js';
import { failRateBound, simulateCreep, whenFailRateMoved } from './scenarios/creeping-tester.js';
import { SHIPPED } from './servers/start.js';

/**
 * When is a tester's drift seen, and when would the fail rate have shown it? Four simulated testers test a
 * wafer each in every five-minute step; from the third hour on one tester's offset on eight parameters
 * creeps up by a tenth of a standard deviation a wafer. Every die is scored by the shipped model and counted
 * as a worker does. Writes docs/drift.svg; `--still` leaves the creep out, and tells of false alarms.
 *
 *     npm run bench:build && node dist/.bench/bench/drift-figure.js [--steps 60] [--seed 2027] [--still]
 */
const CREEP_FROM = 24;
const TESTER = 'T03';
const GROUP = 'RVIA';

const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const still = process.argv.includes('--still');
const say = (line: string) => process.stdout.write(`${line}\n`);

const version = await readVersion(SHIPPED.folder, 'die-defect', '1');
const { manifest, contract } = version;
if (typeof manifest.input.parameters === 'number')
  throw new Error('the shipped model has no parameter names');
const names = manifest.input.parameters.map(({ name }) => name);
const parameters = names.flatMap((name, p) => (name.startsWith(GROUP) ? [p] : [])).slice(0, 8);
const session = await InferenceSession.create(version.modelFile, { intraOpNumThreads: 1 });

const { steps, flagged } = await simulateCreep({
  version,
  score,
  decide: version.decide,
  seed: option('seed', 2027),
  steps: option('steps', 60),
  diesAcross: 13,
  minimumDies: 500,
  tester: TESTER,
  creepFrom: still ? Number.POSITIVE_INFINITY : CREEP_FROM,
  sigmasPerWafer: 0.1,
  parameters,
});

say(`${steps.length} steps; ${still ? 'nothing creeps' : `${TESTER} creeps from step ${CREEP_FROM} on`}`);
for (const { step, equipmentId, parameters: found } of flagged)
  say(`step ${step}: ${equipmentId ?? 'product'} flagged for ${found.map((p) => names[p]).join(' ')}`);
const first = flagged.find(({ equipmentId }) => equipmentId === TESTER);
if (!still && first !== undefined) {
  const failsFrom = whenFailRateMoved(steps, TESTER, CREEP_FROM);
  const sigmasAt = (step: number) => `${steps[step]?.sigmas.toFixed(1)}σ`;
  say(
    `flagged at ${sigmasAt(first.step)}; fail rate moved at ${failsFrom === undefined ? 'no step' : `step ${failsFrom}, ${sigmasAt(failsFrom)}`}`,
  );
  const ahead =
    failsFrom === undefined ? '' : `, ${(failsFrom - first.step) * 5} minutes before its fail rate moves`;
  await writeFile(
    'docs/drift.svg',
    driftFigure({
      points: steps,
      creeping: TESTER,
      creepFrom: CREEP_FROM,
      flagged: first.step,
      failsFrom,
      failRateBound: failRateBound(steps, TESTER, CREEP_FROM),
      title: `One tester’s offset creeps: flagged at ${sigmasAt(first.step)}${ahead}`,
      subtitle: `Simulated: 4 testers, each a wafer of 137 dies in five minutes. ${TESTER} creeps by 0.1σ a wafer on ${parameters.length} of ${contract.parameterCount} parameters.`,
    }),
  );
}

async function score(params: Float32Array, dies: number): Promise<Float32Array> {
  const input = new Tensor('float32', params, [dies, contract.parameterCount]);
  const { anomaly_score: output } = await session.run({ test_params: input }, ['anomaly_score']);
  if (!(output?.data instanceof Float32Array)) throw new Error('the model gave no float32 score');
  return output.data;
}
