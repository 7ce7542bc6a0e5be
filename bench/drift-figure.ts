import '../src/serving/workers/telemetry-off.js';
import { writeFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { assess, countOver, largest, worst } from '../src/drift/assess.js';
import { DriftCounter, SAMPLED_PER_SECOND } from '../src/drift/drift-counter.js';
import { DriftState } from '../src/drift/drift-state.js';
import { referenceBins } from '../src/drift/reference-bins.js';
import { countingSpecOf } from '../src/drift/version-drift.js';
import { DriftWindow } from '../src/drift/window.js';
import { readVersion } from '../src/models/repository/read-version.js';
import { createRandom } from '../src/training/random.js';
import { type SimulatedWafer, simulateLots, TESTERS } from '../src/training/simulator/lot.js';
import { createProduct } from '../src/training/simulator/product.js';
import { type DriftPoint, driftFigure } from './figures/drift-svg.js';
import { SHIPPED } from './servers/start.js';

/**
 * When is a tester's drift seen, and when would the fail rate have shown it? Four simulated testers test a
 * wafer each in every five-minute step; from the second hour on one tester's offset on eight parameters
 * creeps up by a tenth of a standard deviation a wafer. Every die is scored by the shipped model and counted
 * as a worker does. Writes docs/drift.svg.
 *
 *     npm run bench:build && node dist/.bench/bench/drift-figure.js [--steps 60] [--seed 2027] [--still]
 */
const MINIMUM_DIES = 500;
const STEPS = 60;
const CREEP_FROM = 24;
const CREEP_SIGMAS = 0.1;
const CREEPING = 'T03';
const PARAMETERS = 'RVIA';
const CREEPING_COUNT = 8;
const LOTS_IN_FLIGHT = 4;

const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const steps = option('steps', STEPS);
const still = process.argv.includes('--still');

const version = await readVersion(SHIPPED.folder, 'die-defect', '1');
const { reference, manifest, contract } = version;
if (reference === undefined || typeof manifest.input.parameters === 'number')
  throw new Error('the shipped model has no reference or no parameter names');
const names = manifest.input.parameters.map(({ name }) => name);
const moved = names.flatMap((name, p) => (name.startsWith(PARAMETERS) ? [p] : [])).slice(0, CREEPING_COUNT);
const width = contract.parameterCount;
const session = await InferenceSession.create(version.modelFile, { intraOpNumThreads: 1 });
const counter = new DriftCounter(
  countingSpecOf({ ...version, reference }),
  (rows, at) => {
    const decided = version.decide(rows[at] ?? Number.NaN);
    return decided && { ...decided, anomalyScore: rows[at] ?? Number.NaN };
  },
  createRandom('drift figure').uniform,
);
const window = new DriftWindow(width, 12);
const state = new DriftState();
const bins = referenceBins(reference);
const queues = new Map<string, SimulatedWafer[]>(TESTERS.map((tester) => [tester, []]));
const source = wafers(option('seed', 2027));
const points: DriftPoint[] = [];
let nowMs = 0;
let started: { step: number; subject: string; parameters: string[] } | undefined;
let alarms = 0;

for (let step = 0; step < steps; step++) {
  const creptSigmas = still ? 0 : Math.max(0, step - CREEP_FROM + 1) * CREEP_SIGMAS;
  const failRates = new Map<string, number>();
  for (const tester of TESTERS) failRates.set(tester, await test(next(tester), tester, creptSigmas));
  window.add(counter.take());
  const assessment = assess(bins, window, MINIMUM_DIES);
  const groups = new Map(assessment.groups.map((group) => [TESTERS[group.group - 1], group]));
  const changes = state.step([
    { equipmentId: undefined, judged: assessment.enough, indexes: assessment.product },
    ...[...groups].map(([equipmentId, group]) => ({ equipmentId, judged: group.enough, indexes: group.own })),
  ]);
  for (const { event, equipmentId, indexes } of changes) {
    const parameters = worst(indexes, countOver(indexes).drifted).map(
      ({ parameter }) => names[parameter] ?? '',
    );
    process.stdout.write(`step ${step}: ${event} ${equipmentId ?? 'product'} ${parameters.join(' ')}\n`);
    if (event === 'started') alarms++;
    if (event === 'started' && equipmentId === CREEPING) started ??= { step, subject: CREEPING, parameters };
  }
  const ofMoved = (values: Float64Array | undefined) => Math.max(...moved.map((p) => values?.[p] ?? 0));
  points.push({
    creptSigmas,
    psi: new Map([...groups].map(([tester, group]) => [tester ?? '', ofMoved(group.psi)])),
    own: new Map([...groups].map(([tester, group]) => [tester ?? '', largest(group.own)])),
    failRates,
  });
  window.nextStep();
}

process.stdout.write(
  `${steps} steps, ${alarms} alarms; ${CREEPING} creeps from step ${CREEP_FROM} on ${moved.map((p) => names[p]).join(' ')}\n`,
);
if (started !== undefined && !still) {
  const flagged = started.step;
  const before = points.slice(0, CREEP_FROM);
  const rates = before.map(({ failRates }) => failRates.get(CREEPING) ?? 0);
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  process.stdout.write(
    `flagged at step ${flagged}, ${points[flagged]?.creptSigmas.toFixed(1)} sigma; right parameters: ${started.parameters.filter((name) => moved.some((p) => names[p] === name)).length} of ${started.parameters.length}\n`,
  );
  for (const [i, { failRates, creptSigmas }] of points.entries())
    process.stdout.write(
      `${i} ${creptSigmas.toFixed(1)} ${[...failRates.values()].map((rate) => rate.toFixed(2)).join(' ')} ${[...(points[i]?.psi.values() ?? [])].map((v) => v.toFixed(2)).join(' ')} | ${[...(points[i]?.own.values() ?? [])].map((v) => v.toFixed(2)).join(' ')}\n`,
    );
  process.stdout.write(`fail rate of ${CREEPING} before: ${mean.toFixed(3)}\n`);
  await writeFile(
    'docs/drift.svg',
    driftFigure({ points, creeping: CREEPING, creepFrom: CREEP_FROM, flagged }),
  );
}

/** Scores and counts a wafer; returns its fail rate. */
async function test(wafer: SimulatedWafer, tester: string, creptSigmas: number): Promise<number> {
  const dies = wafer.dies.length;
  const params = new Float32Array(dies * width);
  wafer.dies.forEach(({ measurement }, die) => {
    params.set(measurement, die * width);
    if (tester !== CREEPING) return;
    for (const p of moved) {
      const sigma = reference?.parameters[p]?.standardDeviation ?? 0;
      params[die * width + p] = (measurement[p] ?? 0) + creptSigmas * sigma;
    }
  });
  const output = await session.run({ test_params: new Tensor('float32', params, [dies, width]) }, [
    'anomaly_score',
  ]);
  const scores = output.anomaly_score?.data;
  if (!(scores instanceof Float32Array)) throw new Error('the model has no score');
  const groups = new Float32Array(dies).fill(TESTERS.indexOf(tester) + 1);
  // A wafer in five minutes is two seconds a die: far fewer than are sampled.
  nowMs += 300_000;
  for (let die = 0; die < dies; die += SAMPLED_PER_SECOND / 2) {
    const to = Math.min(dies, die + SAMPLED_PER_SECOND / 2);
    counter.count(
      {
        dies: to - die,
        params: params.subarray(die * width, to * width),
        rows: scores.subarray(die, to),
        groups: groups.subarray(die, to),
      },
      nowMs + die * 2000,
    );
  }
  return scores.reduce((fails, score) => fails + Number(score > manifest.threshold), 0) / dies;
}

/** The next wafer of a tester; wafers of the others met on the way wait for theirs. */
function next(tester: string): SimulatedWafer {
  for (;;) {
    const waiting = queues.get(tester)?.shift();
    if (waiting !== undefined) return waiting;
    const { value } = source.next();
    if (value !== undefined) queues.get(value.equipmentId)?.push(value);
  }
}

/** Wafers of several lots that are tested at the same time. */
function* wafers(seed: number): Generator<SimulatedWafer, undefined> {
  const lots = simulateLots(createProduct(), {
    seed,
    lots: 1000,
    wafersPerLot: 25,
    diesAcross: 13,
    defectRate: 1,
  });
  const open = Array.from({ length: LOTS_IN_FLIGHT }, (): Iterator<SimulatedWafer> | undefined => undefined);
  for (;;) {
    for (let i = 0; i < open.length; i++) {
      let wafer = open[i]?.next();
      if (wafer === undefined || wafer.done) {
        const lot = lots.next();
        if (lot.done) return;
        open[i] = lot.value.wafers[Symbol.iterator]();
        wafer = open[i]?.next();
      }
      if (wafer !== undefined && !wafer.done) yield wafer.value;
    }
  }
}
