import type { Reference } from '../../src/models/manifest/reference.js';
import { createRandom, type Random } from '../../src/training/random.js';
import { type FloorRun, type Product, referenceOfWafers, runFloor, testWafer } from './drift-floor.js';
import {
  CORRELATION,
  constant,
  continuous,
  discrete,
  missing,
  type ParameterProcess,
  rounded,
  trimCode,
  zeroInflated,
} from './drift-kinds.js';

const TESTERS = 4;
const STEPS = 15;
const DIES = 100;

/** A product on a floor without drift, and how its reference came about. */
export interface DriftCase {
  readonly name: string;
  readonly parameters: readonly ParameterProcess[];
  readonly failRate?: number;
  readonly stopOnFail?: boolean;
  readonly referenceWafers?: number;
  /** The reference as diegate wrote it before it kept shares: deciles of passing dies. */
  readonly older?: boolean;
  /** What the parameters are on the floor, where that differs: on all testers, or on the first alone. */
  readonly now?: readonly ParameterProcess[];
  readonly only?: 'tester 1';
}

const few = (process: ParameterProcess, count = 6) => Array.from({ length: count }, () => process);
const equalShares = (values: number) => Array.from({ length: values }, () => 1 / values);
/** Most dies have one value, the others share the rest: 0/1 tests with few ones, rare codes. */
const lopsided = (values: number, rest: number) => [
  1 - rest,
  ...equalShares(values - 1).map((share) => share * rest),
];

const DISCRETE = [2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((values) => [
  discrete(equalShares(values)),
  discrete(lopsided(values, 0.13)),
  discrete(lopsided(values, 0.4)),
]);
const TWO_VALUES = [0.01, 0.05, 0.12, 0.13, 0.15, 0.3, 0.5].map((ones) => discrete([1 - ones, ones]));
const ROUNDED = [0.1, 0.25, 0.5, 1, 2].flatMap((step) => few(rounded(step), 3));
const ZEROS = [0.05, 0.1, 0.2, 0.5, 0.9].flatMap((share) => few(zeroInflated(share), 3));
const MISSING = [0.01, 0.05, 0.2, 0.5].flatMap((share) => few(missing(share), 3));
const MIXED = [
  ...few(continuous()),
  discrete([0.87, 0.13]),
  ...few(rounded(0.5), 2),
  ...few(trimCode(), 2),
  zeroInflated(0.3),
  constant(),
  constant(),
  ...few(continuous()),
];

/** Floors on which nothing drifts. */
export const QUIET: readonly DriftCase[] = [
  { name: 'continuous', parameters: few(continuous(), 20) },
  { name: '0/1 with 1 to 50% ones', parameters: TWO_VALUES },
  { name: '2 to 10 values', parameters: DISCRETE },
  { name: 'rounded', parameters: ROUNDED },
  { name: 'zeros in 5 to 90%', parameters: ZEROS },
  { name: 'trim codes', parameters: few(trimCode(), 15) },
  { name: 'missing in 1 to 50%', parameters: [...MISSING, continuous()] },
  ...[0.01, 0.05, 0.1, 0.2].map((failRate) => ({
    name: `stop on fail, ${100 * failRate}% fail`,
    parameters: MIXED,
    failRate,
    stopOnFail: true,
  })),
  { name: 'tested on, 20% fail', parameters: MIXED, failRate: 0.2 },
  {
    name: 'mixed, reference of 2 wafers',
    parameters: MIXED,
    failRate: 0.05,
    stopOnFail: true,
    referenceWafers: 2,
  },
  {
    name: 'mixed, reference of 5 wafers',
    parameters: MIXED,
    failRate: 0.05,
    stopOnFail: true,
    referenceWafers: 5,
  },
  { name: 'older reference, continuous', parameters: few(continuous(), 20), older: true },
  { name: 'older reference, 2 to 10 values', parameters: DISCRETE, older: true },
  { name: 'older reference, rounded', parameters: ROUNDED, older: true },
  {
    name: 'older reference, stop on fail, 5% fail',
    parameters: MIXED,
    failRate: 0.05,
    stopOnFail: true,
    older: true,
  },
];

const moved = (process: (shift?: number) => ParameterProcess, still: ParameterProcess) => (shift: number) => [
  process(shift),
  ...few(still, 19),
];
const MOVED: readonly (readonly [
  string,
  ParameterProcess,
  (shift: number) => readonly ParameterProcess[],
])[] = [
  ['continuous', continuous(), moved(continuous, continuous())],
  ['rounded to half a sigma', rounded(0.5), moved((shift) => rounded(0.5, shift), rounded(0.5))],
  ['trim code', trimCode(), moved(trimCode, trimCode())],
];

/** Floors on which the first parameter has moved, by so many standard deviations. */
export const DRIFTING: readonly DriftCase[] = MOVED.flatMap(([name, still, now]): DriftCase[] =>
  [0.5, 1].flatMap((sigmas): DriftCase[] => [
    { name: `${name}, all testers by ${sigmas}σ`, parameters: few(still, 20), now: now(sigmas) },
    {
      name: `${name}, one tester by ${sigmas}σ`,
      parameters: few(still, 20),
      now: now(sigmas),
      only: 'tester 1',
    },
  ]),
).concat([
  {
    name: 'older reference, continuous, all testers by 1σ',
    parameters: few(continuous(), 20),
    now: moved(continuous, continuous())(1),
    older: true,
  },
  {
    name: '0/1, ones from 13 to 50%',
    parameters: few(discrete([0.87, 0.13]), 20),
    now: [discrete([0.5, 0.5]), ...few(discrete([0.87, 0.13]), 19)],
  },
  {
    name: 'stop on fail, 10% fail, all testers by 1σ',
    parameters: few(continuous(), 20),
    now: moved(continuous, continuous())(1),
    failRate: 0.1,
    stopOnFail: true,
  },
]);

/** One hour and a half of a floor, with a reference of its own. */
export function runDriftCase(drift: DriftCase, random: Random): FloorRun {
  const {
    parameters,
    failRate = 0,
    stopOnFail = false,
    referenceWafers = 25,
    now = parameters,
    only,
  } = drift;
  const productOf = (of: readonly ParameterProcess[]): Product => ({
    parameters: of,
    fails: { rate: failRate, correlation: failRate === 0 ? 0 : CORRELATION, dies: DIES },
    stopOnFail,
  });
  const trained = Array.from({ length: referenceWafers }, () =>
    testWafer({ ...productOf(parameters), fails: { ...productOf(parameters).fails, dies: DIES } }, random),
  );
  const whole = referenceOfWafers(trained, parameters.length);
  const reference = drift.older === true ? asOlder(whole) : whole;
  const [before, after] = [productOf(parameters), productOf(now)];
  return runFloor({
    reference,
    testers: TESTERS,
    steps: STEPS,
    wafer: (tester) => testWafer(only !== undefined && tester !== 1 ? before : after, random),
  });
}

/** The same reference with what was written before shares were kept. */
function asOlder({ dies, parameters, score }: Reference): Reference {
  return {
    dies,
    parameters: parameters.map(({ edges, mean, standardDeviation }) => ({
      edges: edges.map((edge) => Number(edge.toPrecision(7))),
      mean,
      standardDeviation,
      missingRate: 0,
    })),
    score: { edges: score.edges },
  };
}

/** Shares of runs in which something began to drift, and what it was. */
export interface DriftRates {
  readonly product: number;
  readonly equipment: number;
  /** Runs in which the verdict at the end names a drift. */
  readonly verdict: number;
  /** Of the equipment that began to drift: whether it is always the first. */
  readonly others: number;
}

export function runDriftOften(drift: DriftCase, runs: number): DriftRates {
  const random = createRandom(`truth/drift/${drift.name}`);
  const counts = { product: 0, equipment: 0, verdict: 0, others: 0 };
  for (let run = 0; run < runs; run++) {
    const { started, verdict } = runDriftCase(drift, random);
    if (started.some(({ equipment }) => equipment === undefined)) counts.product++;
    if (started.some(({ equipment }) => equipment !== undefined)) counts.equipment++;
    if (started.some(({ equipment }) => equipment !== undefined && equipment !== 1)) counts.others++;
    if (verdict.includes('product') || verdict.includes('equipment')) counts.verdict++;
  }
  return {
    product: counts.product / runs,
    equipment: counts.equipment / runs,
    verdict: counts.verdict / runs,
    others: counts.others / runs,
  };
}

/** What drift makes of floors whose truth is known: the tables of docs/statistics.md. Seeded; some minutes. `npm run truth -- drift` */
export function driftTruth(runs: number): string {
  return [
    '### Drift where there is none',
    '',
    '| parameters | product starts | equipment starts | verdict at the end |',
    '|---|---|---|---|',
    ...QUIET.map((drift) => {
      const { product, equipment, verdict } = runDriftOften(drift, runs);
      return row(drift.name, percent(product), percent(equipment), percent(verdict));
    }),
    '',
    '### Drift where there is some',
    '',
    '| what moved, of 20 parameters the first | product starts | tester 1 starts | another tester starts |',
    '|---|---|---|---|',
    ...DRIFTING.map((drift) => {
      const { product, equipment, others } = runDriftOften(drift, Math.ceil(runs / 3));
      return row(drift.name, percent(product), percent(equipment), percent(others));
    }),
  ].join('\n');
}

function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}
