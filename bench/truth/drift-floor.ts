import { type Assessment, assess } from '../../src/drift/assess.js';
import { DriftCounter } from '../../src/drift/drift-counter.js';
import { type DriftAbout, DriftState, failRateObserved, type Observed } from '../../src/drift/drift-state.js';
import { type ReferenceBins, referenceBins } from '../../src/drift/reference-bins.js';
import { judgeDrift } from '../../src/drift/verdict.js';
import { groupCode, WAFER_BUCKETS } from '../../src/drift/wafer-buckets.js';
import { MINIMUM_STEPS } from '../../src/drift/wander.js';
import { DriftWindow } from '../../src/drift/window.js';
import type { Reference } from '../../src/models/manifest/reference.js';
import { referenceOf } from '../../src/training/evaluation/reference.js';
import type { Random } from '../../src/training/random.js';
import type { ParameterProcess } from './drift-kinds.js';
import { type WaferProcess, waferOf } from './wafers.js';

/** Dies of one wafer, in the order in which they are tested. */
export interface TestedWafer {
  /** float32 [dies, parameters] row-major. */
  readonly params: Float32Array;
  readonly fails: readonly boolean[];
}

/** A product: its parameters in test order, and how its dies fail. */
export interface Product {
  readonly parameters: readonly ParameterProcess[];
  readonly fails: WaferProcess;
  /** Whether a failing die is measured no further than the test that it fails; else all of its tests are run. */
  readonly stopOnFail: boolean;
}

/** What a failing die measures at the test that it fails: far out. */
const FAR_OUT = 1e6;

export function testWafer({ parameters, fails, stopOnFail }: Product, random: Random): TestedWafer {
  const failing = waferOf(fails, random);
  const processes = parameters.map((process) => process(random));
  const width = parameters.length;
  const params = new Float32Array(fails.dies * width);
  failing.forEach((failed, die) => {
    const at = failed ? random.below(width) : width;
    processes.forEach((next, p) => {
      const value = next(random);
      params[die * width + p] = p < at ? value : p === at ? FAR_OUT : stopOnFail ? Number.NaN : value;
    });
  });
  return { params, fails: failing };
}

/** The reference of wafers, as training makes it. */
export function referenceOfWafers(wafers: readonly TestedWafer[], width: number): Reference {
  const dies = wafers.flatMap(({ fails }, wafer) => fails.map((failed) => ({ failed, wafer })));
  const values = new Float32Array(dies.length * width);
  let at = 0;
  for (const { params } of wafers) {
    values.set(params, at);
    at += params.length;
  }
  const scores = Float64Array.from(dies, ({ failed }) => (failed ? 2 : 0.5));
  return referenceOf({
    table: {
      parameters: Array.from({ length: width }, (_, p) => `P${p}`),
      dies: dies.length,
      values,
      labelled: true,
      passing: Uint8Array.from(dies, ({ failed }) => Number(!failed)),
      defects: [],
      lots: undefined,
      wafers: dies.map(({ wafer }) => `${wafer}`),
      ignoredColumns: [],
      sources: [],
    },
    passing: dies.flatMap(({ failed }, row) => (failed ? [] : [row])),
    scores,
    passingScores: scores.filter((score) => score < 1),
  });
}

/** What began to drift: an equipment by number, or the product, and in which step. */
export interface Started {
  readonly about: DriftAbout;
  readonly equipment: number | undefined;
  readonly step: number;
}

/** What an hour and more of a floor came to. */
export interface FloorRun {
  readonly started: readonly Started[];
  /** What is said of the whole window at the end. */
  readonly verdict: string;
  readonly last: Assessment;
}

export interface FloorOptions {
  readonly reference: Reference;
  readonly testers: number;
  readonly steps: number;
  /** The dies that a tester tests in a step. */
  readonly wafer: (tester: number, step: number) => TestedWafer;
}

const WINDOW_STEPS = 12;
const MINIMUM_DIES = 500;

/** Counts and judges wafer by wafer, as a worker and the server do: one wafer of each tester in every step. */
export function runFloor({ reference, testers, steps, wafer }: FloorOptions): FloorRun {
  const bins: ReferenceBins = referenceBins(reference);
  const width = reference.parameters.length;
  const spec = {
    parameters: width,
    edges: bins.parameters.edges,
    means: bins.means,
    scales: bins.scales,
    scoreEdges: bins.score.edges,
    groups: testers + 2,
  };
  const decide = (rows: Float32Array, at: number) => {
    const anomalyScore = rows[at] ?? 0;
    return { prediction: anomalyScore > 1 ? 'fail' : 'pass', confidence: 0.9, anomalyScore } as const;
  };
  const counter = new DriftCounter(spec, decide, () => 0, Number.POSITIVE_INFINITY);
  const window = new DriftWindow(width, WINDOW_STEPS);
  const state = new DriftState();
  const started: Started[] = [];
  let last: Assessment | undefined;
  for (let step = 0; step < steps; step++) {
    if (step > 0) window.nextStep();
    for (let tester = 1; tester <= testers; tester++) {
      const { params, fails } = wafer(tester, step);
      const rows = Float32Array.from(fails, (failed) => (failed ? 2 : 0.5));
      counter.count(
        {
          dies: fails.length,
          params,
          rows,
          groups: new Float32Array(fails.length).fill(groupCode(tester, step % WAFER_BUCKETS)),
        },
        0,
      );
    }
    window.add(counter.take());
    if (step + 1 < MINIMUM_STEPS) continue;
    last = assess(bins, window, MINIMUM_DIES);
    const changes = state.step([
      { about: 'parameters', equipmentId: undefined, judged: last.enough, indexes: last.product },
      ...last.groups.flatMap((group): Observed[] => {
        const equipmentId = `${group.group}`;
        return [
          { about: 'parameters', equipmentId, judged: group.enough, indexes: group.own },
          failRateObserved(group.failRate, equipmentId),
        ];
      }),
    ]);
    for (const { event, about, equipmentId } of changes)
      if (event === 'started')
        started.push({ about, equipment: equipmentId === undefined ? undefined : Number(equipmentId), step });
  }
  if (last === undefined) throw new Error('expected as many steps as a window is judged by');
  const names = { parameter: (p: number) => `P${p}`, group: (group: number) => `T${group}` };
  return { started, verdict: judgeDrift(last, names, MINIMUM_DIES).verdict, last };
}
