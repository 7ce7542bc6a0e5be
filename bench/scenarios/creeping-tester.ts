import { type Assessment, assess, countOver, largest, worst } from '../../src/drift/assess.js';
import { countingSpecOf } from '../../src/drift/counting-spec.js';
import { type DecideOutputs, DriftCounter } from '../../src/drift/drift-counter.js';
import { DriftState } from '../../src/drift/drift-state.js';
import { referenceBins } from '../../src/drift/reference-bins.js';
import { groupCode, WAFER_BUCKETS } from '../../src/drift/wafer-buckets.js';
import { DriftWindow } from '../../src/drift/window.js';
import type { ModelVersion } from '../../src/models/model-version.js';
import { createRandom } from '../../src/training/random.js';
import { type SimulatedWafer, simulateLots, TESTERS } from '../../src/training/simulator/lot.js';
import { createProduct } from '../../src/training/simulator/product.js';

/** A simulated test floor on which one tester's offset creeps. */
export interface CreepOptions {
  readonly version: ModelVersion;
  /** float32 [dies, parameters] to float32 [dies], by the version's model. */
  readonly score: (params: Float32Array, dies: number) => Promise<Float32Array>;
  readonly decide: DecideOutputs;
  readonly seed: number;
  /** Five-minute steps; in each of them every tester tests one wafer. */
  readonly steps: number;
  readonly diesAcross: number;
  readonly minimumDies: number;
  /** The tester that creeps, from which step on, by how many standard deviations a wafer, on which parameters. */
  readonly tester: string;
  readonly creepFrom: number;
  readonly sigmasPerWafer: number;
  readonly parameters: readonly number[];
}

/** One step of it. */
export interface CreepStep {
  readonly sigmas: number;
  /** By tester: largest index of the creeping parameters, and the largest of its own over all. */
  readonly psi: ReadonlyMap<string, number>;
  readonly own: ReadonlyMap<string, number>;
  /** By tester: share of failing dies of the wafer. */
  readonly failRates: ReadonlyMap<string, number>;
}

/** A start of drift that was flagged. */
export interface Flagged {
  readonly step: number;
  /** undefined is the product. */
  readonly equipmentId: string | undefined;
  readonly parameters: readonly number[];
}

// As on a floor: each tester's wafers come from several lots.
const LOTS_IN_FLIGHT = 4;
const STEP_MS = 300_000;
const WINDOW_STEPS = 12;

/** Simulates, scores and counts wafer by wafer, as a worker and the server do. */
export async function simulateCreep(
  options: CreepOptions,
): Promise<{ steps: CreepStep[]; flagged: Flagged[]; last: Assessment | undefined }> {
  const { reference, contract } = options.version;
  if (reference === undefined) throw new Error('the version has no reference');
  const counter = new DriftCounter(
    countingSpecOf({ ...options.version, reference }),
    options.decide,
    createRandom(`creep sample ${options.seed}`).uniform,
  );
  const bins = referenceBins(reference);
  const window = new DriftWindow(contract.parameterCount, WINDOW_STEPS);
  const state = new DriftState();
  const nextWafer = waferQueues(options);
  const steps: CreepStep[] = [];
  const flagged: Flagged[] = [];
  let last: Assessment | undefined;
  for (let step = 0; step < options.steps; step++) {
    const sigmas = Math.max(0, step - options.creepFrom + 1) * options.sigmasPerWafer;
    const failRates = new Map<string, number>();
    for (const tester of TESTERS) {
      const params = paramsOf(nextWafer(tester), options, tester === options.tester ? sigmas : 0);
      const dies = params.length / contract.parameterCount;
      const rows = await options.score(params, dies);
      const group = TESTERS.indexOf(tester) + 1;
      const groups = new Float32Array(dies).fill(groupCode(group, step % WAFER_BUCKETS));
      counter.count({ dies, params, rows, groups }, step * STEP_MS + group * 1000);
      failRates.set(
        tester,
        rows.filter((_, die) => options.decide(rows, die)?.prediction === 'fail').length / dies,
      );
    }
    window.add(counter.take());
    const assessment = assess(bins, window, options.minimumDies);
    last = assessment;
    const groups = new Map(assessment.groups.map((group) => [TESTERS[group.group - 1] ?? '', group]));
    const changes = state.step([
      { about: 'parameters', equipmentId: undefined, judged: assessment.enough, indexes: assessment.product },
      ...[...groups].map(([equipmentId, group]) => ({
        about: 'parameters' as const,
        equipmentId,
        judged: group.enough,
        indexes: group.own,
      })),
    ]);
    for (const { event, equipmentId, indexes } of changes) {
      if (event !== 'started') continue;
      const parameters = worst(indexes, countOver(indexes).drifted).map(({ parameter }) => parameter);
      flagged.push({ step, equipmentId, parameters });
    }
    steps.push({
      sigmas,
      psi: mapped(groups, ({ psi }) => Math.max(...options.parameters.map((p) => psi[p] ?? 0))),
      own: mapped(groups, ({ own }) => largest(own)),
      failRates,
    });
    window.nextStep();
  }
  return { steps, flagged, last };
}

/**
 * Three standard deviations above what the mean of a tester's last six wafers was before step `from`: above it
 * the fail rate counts as moved.
 */
export function failRateBound(steps: readonly CreepStep[], tester: string, from: number): number {
  const before = failRatesOf(steps, tester).slice(0, from);
  const deviation = Math.sqrt(mean(before.map((rate) => (rate - mean(before)) ** 2)) / 6);
  return mean(before) + 3 * deviation;
}

/**
 * The first step from `from` on at which the mean of a tester's last six wafers is above `failRateBound`, and
 * stays there for the next two.
 */
export function whenFailRateMoved(
  steps: readonly CreepStep[],
  tester: string,
  from: number,
): number | undefined {
  const bound = failRateBound(steps, tester, from);
  const moved = failRatesOf(steps, tester).map(
    (_, i, rates) => mean(rates.slice(Math.max(0, i - 5), i + 1)) > bound,
  );
  const first = moved.findIndex((_, i) => i >= from && moved[i] && moved[i + 1] && moved[i + 2]);
  return first < 0 ? undefined : first;
}

function failRatesOf(steps: readonly CreepStep[], tester: string): number[] {
  return steps.map(({ failRates }) => failRates.get(tester) ?? 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function mapped<T>(groups: ReadonlyMap<string, T>, read: (group: T) => number): Map<string, number> {
  return new Map([...groups].map(([tester, group]) => [tester, read(group)]));
}

function paramsOf(
  { dies }: SimulatedWafer,
  { version, parameters }: CreepOptions,
  sigmas: number,
): Float32Array {
  const width = version.contract.parameterCount;
  const params = new Float32Array(dies.length * width);
  dies.forEach(({ measurement }, die) => {
    params.set(measurement, die * width);
    for (const p of parameters) {
      const sigma = version.reference?.parameters[p]?.standardDeviation ?? 0;
      params[die * width + p] = (measurement[p] ?? 0) + sigmas * sigma;
    }
  });
  return params;
}

/** The next wafer of a tester; wafers of the others that are met on the way wait for theirs. */
function waferQueues(options: CreepOptions): (tester: string) => SimulatedWafer {
  const queues = new Map<string, SimulatedWafer[]>(TESTERS.map((tester) => [tester, []]));
  const source = wafers(options);
  return (tester) => {
    for (;;) {
      const waiting = queues.get(tester)?.shift();
      if (waiting !== undefined) return waiting;
      const { value } = source.next();
      if (value === undefined) throw new Error('no wafers are left');
      queues.get(value.equipmentId)?.push(value);
    }
  };
}

/** Wafers of several lots that are tested at the same time. */
function* wafers({ seed, diesAcross }: CreepOptions): Generator<SimulatedWafer, undefined> {
  const lots = simulateLots(createProduct(), {
    seed,
    lots: 1000,
    wafersPerLot: 25,
    diesAcross,
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
