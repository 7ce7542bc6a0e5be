import { assessInSlices } from '../src/drift/assess.js';
import { countingSpecOf } from '../src/drift/counting-spec.js';
import { DriftCounter } from '../src/drift/drift-counter.js';
import { KnownReference } from '../src/drift/known-reference.js';
import { referenceBins } from '../src/drift/reference-bins.js';
import { groupCode } from '../src/drift/wafer-buckets.js';
import { DriftWindow } from '../src/drift/window.js';
import { readVersion } from '../src/models/repository/read-version.js';
import { createRandom } from '../src/training/random.js';
import { SHIPPED } from './servers/start.js';
import { median } from './statistics.js';

/**
 * What does judging cost the event loop, and counting a die of 512 parameters a worker? Windows of twelve steps of the
 * shipped model, their dies like the training's; processor time of this process, medians.
 *
 *     npm run bench:build && node dist/.bench/bench/drift-verdict.js
 */
const VERSIONS = 64;
const ROUNDS = 9;
const STEPS = 12;
const DIES_A_STEP = 60;
const CORRELATION = 0.12;

const version = await readVersion(SHIPPED.folder, 'die-defect', '1');
const { reference, contract } = version;
if (reference === undefined) throw new Error('the shipped model has no reference');
const random = createRandom('cost of a verdict');
const bins = referenceBins(reference);
/** A wafer: float32 [dies, parameters], whose dies are alike as those of the simulator are. */
function waferOf(): Float32Array {
  const params = new Float32Array(DIES_A_STEP * contract.parameterCount);
  for (let p = 0; p < contract.parameterCount; p++) {
    const { mean = 0, standardDeviation = 1 } = reference?.parameters[p] ?? {};
    const wafer = Math.sqrt(CORRELATION) * random.normal();
    for (let die = 0; die < DIES_A_STEP; die++)
      params[die * contract.parameterCount + p] =
        mean + standardDeviation * (wafer + Math.sqrt(1 - CORRELATION) * random.normal());
  }
  return params;
}

for (const equipment of [0, 1, 4, 32]) {
  const window = windowOf(equipment);
  // As a server has it: of steps that have ended it knows how they were.
  const known = new KnownReference(bins);
  const [cpu, longest] = [[] as number[], [] as number[]];
  for (let round = -3; round < ROUNDS; round++) {
    const { ms, slice } = judge(window, known);
    if (round < 0) continue;
    cpu.push(ms);
    longest.push(slice);
  }
  process.stdout.write(
    `${VERSIONS} versions, ${equipment} equipment: ${(median(cpu) * VERSIONS).toFixed(1)} ms of processor time (${median(cpu).toFixed(2)} ms each), longest slice ${median(longest).toFixed(2)} ms\n`,
  );
}
process.stdout.write(
  `counting: ${countingMicroseconds().toFixed(2)} µs a die of ${contract.parameterCount} parameters\n`,
);

/** Twelve steps of so many equipment; 0: of dies that name none. */
function windowOf(equipment: number): DriftWindow {
  const window = new DriftWindow(contract.parameterCount, STEPS);
  const counter = counterOf();
  for (let step = 0; step < STEPS; step++) {
    if (step > 0) window.nextStep();
    for (let group = equipment === 0 ? 0 : 1; group <= equipment; group++) {
      const params = waferOf();
      const groups = new Float32Array(DIES_A_STEP).fill(groupCode(group, step));
      counter.count({ dies: DIES_A_STEP, params, rows: new Float32Array(DIES_A_STEP).fill(0.5), groups }, 0);
    }
    window.add(counter.take());
  }
  return window;
}

function counterOf(): DriftCounter {
  const decide = (rows: Float32Array, at: number) => {
    const anomalyScore = rows[at] ?? 0;
    return { prediction: 'pass', confidence: 0.9, anomalyScore } as const;
  };
  const spec = countingSpecOf({ contract, reference: reference ?? fail() });
  return new DriftCounter(spec, decide, () => 0, Number.POSITIVE_INFINITY);
}

function fail(): never {
  throw new Error('the shipped model has no reference');
}

/** One verdict, as many times as give a processor time that can be read. */
function judge(window: DriftWindow, known: KnownReference): { readonly ms: number; readonly slice: number } {
  const times = 8;
  let slice = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) {
    const slices = assessInSlices(known, window, 500);
    for (let done = false; !done; ) {
      const from = performance.now();
      done = slices.next().done === true;
      slice = Math.max(slice, performance.now() - from);
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000 / times, slice };
}

function countingMicroseconds(): number {
  const counter = counterOf();
  const params = waferOf();
  const groups = new Float32Array(DIES_A_STEP).fill(groupCode(1, 3));
  const rows = new Float32Array(DIES_A_STEP).fill(0.5);
  const rounds: number[] = [];
  for (let round = 0; round < 25; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) counter.count({ dies: DIES_A_STEP, params, rows, groups }, 0);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / 20 / DIES_A_STEP);
  }
  return median(rounds);
}
