import type { Load } from '../load/closed-loop.js';
import { batchBinary, batchJson, singleBinary, singleJson } from '../load/dies.js';
import { plainLoop } from '../load/plain-loop.js';
import { cpuSeconds, family } from '../load/usage.js';
import { SHIPPED, startDiegate, startNaive, type Target } from '../servers/start.js';
import { median } from '../statistics.js';
import type { Effort, Figure, Scenario } from './scenario.js';

/** What one server has shown in one round. */
interface Shown {
  readonly diesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of all its processes, microseconds a die. */
  readonly cpuUs: number;
}

/** What a server is held to, against the naive peer. */
interface Bounds {
  readonly diesPerSecond?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly cpu?: number;
}

/** Most dies that the express lane takes here: a touchdown of sixteen. */
const EXPRESS_DIES = '16';

async function shownBy(
  { port, pid }: Target,
  load: Load,
  connections: number,
  seconds: number,
): Promise<Shown> {
  const before = cpuSeconds(family(pid));
  const { diesPerSecond, p50Ms, p99Ms } = await plainLoop(port, load, { connections, seconds });
  const cpuUs = ((cpuSeconds(family(pid)) - before) * 1e6) / (diesPerSecond * seconds);
  return { diesPerSecond, p50Ms, p99Ms, cpuUs };
}

async function measured(
  targets: readonly Target[],
  load: Load,
  connections: number,
  { warmUpSeconds, rounds, seconds }: Effort,
): Promise<Shown[]> {
  for (const target of targets) await shownBy(target, load, connections, warmUpSeconds);
  const all = targets.map((): Shown[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, target] of targets.entries())
      all[i]?.push(await shownBy(target, load, connections, seconds));
  return all.map((shown) => {
    const of = (key: keyof Shown) => median(shown.map((one) => one[key]));
    return { diesPerSecond: of('diesPerSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), cpuUs: of('cpuUs') };
  });
}

function figuresOf(name: string, shown: Shown, naive: Shown | undefined, bounds: Bounds = {}): Figure[] {
  const ratio = (what: string, key: keyof Shown, bound: Pick<Figure, 'atLeast' | 'atMost'>): Figure[] =>
    naive === undefined
      ? []
      : [{ name: `… ${what}, ${name} / naive`, value: shown[key] / naive[key], unit: '×', ...bound }];
  const atMost = (bound: number | undefined) => (bound === undefined ? {} : { atMost: bound });
  return [
    { name, value: shown.diesPerSecond, unit: 'dies/s' },
    ...ratio(
      'dies/s',
      'diesPerSecond',
      bounds.diesPerSecond === undefined ? {} : { atLeast: bounds.diesPerSecond },
    ),
    { name: `… p50, ${name}`, value: shown.p50Ms, unit: 'ms' },
    ...ratio('p50', 'p50Ms', atMost(bounds.p50)),
    { name: `… p99, ${name}`, value: shown.p99Ms, unit: 'ms' },
    ...ratio('p99', 'p99Ms', atMost(bounds.p99)),
    { name: `… processor time of all processes a die, ${name}`, value: shown.cpuUs, unit: 'µs' },
    ...ratio('processor time', 'cpuUs', atMost(bounds.cpu)),
  ];
}

/** A cell that waits for each answer: diegate with its express lane and without, beside the naive peer. */
function cell(name: string, question: string, load: Load, connections: number, bounds: Bounds): Scenario {
  return {
    name,
    question,
    async run(effort) {
      const targets = await Promise.all([
        startDiegate(SHIPPED.repository, { EXPRESS_DIES }),
        startDiegate(SHIPPED.repository),
        startNaive(SHIPPED.folder),
      ]);
      try {
        const [express, plain, naive] = await measured(targets, load, connections, effort);
        if (express === undefined || plain === undefined || naive === undefined) return [];
        return [
          ...figuresOf(`diegate, EXPRESS_DIES=${EXPRESS_DIES}`, express, naive, bounds),
          ...figuresOf('diegate', plain, naive),
          ...figuresOf('naive', naive, undefined),
        ];
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    },
  };
}

const ONE: Bounds = { diesPerSecond: 1.25, p50: 0.8, p99: 1, cpu: 0.8 };
const EIGHT: Bounds = { diesPerSecond: 2, p99: 0.7, cpu: 0.5 };
const TOUCHDOWN: Bounds = { diesPerSecond: 2.5, p99: 1 };

export const CELLS: readonly Scenario[] = [
  cell('cell-1', 'A test cell: single JSON dies on 1 connection', singleJson(), 1, ONE),
  cell('cell-1-float32', 'The same as float32', singleBinary(), 1, ONE),
  cell('cell-8', 'Eight cells: single JSON dies on 8 connections', singleJson(), 8, EIGHT),
  cell('cell-8-float32', 'The same as float32', singleBinary(), 8, EIGHT),
  ...[4, 16].flatMap((dies) =>
    [1, 4].flatMap((connections) => [
      cell(
        `touchdown-${dies}-${connections}`,
        `Touchdowns of ${dies} dies as JSON, ${connections} connections`,
        batchJson(dies),
        connections,
        TOUCHDOWN,
      ),
      cell(
        `touchdown-${dies}-${connections}-float32`,
        `The same as float32`,
        batchBinary(dies),
        connections,
        TOUCHDOWN,
      ),
    ]),
  ),
];
