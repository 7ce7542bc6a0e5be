import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { closedLoop, type Load } from '../load/closed-loop.js';
import { batchBinary, batchJson, singleBinary, singleJson } from '../load/dies.js';
import { cpuSeconds } from '../load/usage.js';
import { HEAVY, writeAutoencoder } from '../models/autoencoder.js';
import { SHIPPED, startDiegate, startFloor, startNaive, startStep, type Target } from '../servers/start.js';
import { median } from '../statistics.js';
import type { Effort, Figure, Scenario } from './scenario.js';

/** Until the servers' code has been compiled for what they are asked: a fab's server has run for months. */
async function warmUp(targets: readonly Target[], load: Load, connections: number, seconds: number) {
  for (const { port } of targets) await closedLoop(port, load, { connections, seconds });
}

/** What was measured of one server, medians over the rounds. */
interface Measured {
  readonly diesPerSecond: number;
  /** Processor time of the server process, without its workers, microseconds a die. */
  readonly serverUs: number;
}

/** Each target measured in interleaved rounds; `beside` is called once in each round. */
async function compare(
  targets: readonly Target[],
  load: Load,
  connections: number,
  { rounds, seconds, warmUpSeconds }: Effort,
  beside: () => void = () => {},
): Promise<ReadonlyMap<string, Measured>> {
  const measured = new Map<string, Measured[]>(targets.map(({ name }) => [name, []]));
  await warmUp(targets, load, connections, warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    beside();
    for (const { name, port, pid } of targets) {
      const cpuBefore = cpuSeconds([pid]);
      const { diesPerSecond } = await closedLoop(port, load, { connections, seconds });
      const serverUs = ((cpuSeconds([pid]) - cpuBefore) * 1e6) / (diesPerSecond * seconds);
      measured.get(name)?.push({ diesPerSecond, serverUs });
    }
  }
  return new Map(
    Array.from(measured, ([name, all]) => [
      name,
      {
        diesPerSecond: median(all.map(({ diesPerSecond }) => diesPerSecond)),
        serverUs: median(all.map(({ serverUs }) => serverUs)),
      },
    ]),
  );
}

const NOTHING: Measured = { diesPerSecond: Number.NaN, serverUs: Number.NaN };

function ratios(
  measured: ReadonlyMap<string, Measured>,
  bounds: { naive?: number; floor?: number; diesPerSecond?: number },
): Figure[] {
  const of = (name: string) => measured.get(name) ?? NOTHING;
  const figures: Figure[] = [
    {
      name: 'diegate',
      value: of('diegate').diesPerSecond,
      unit: 'dies/s',
      ...(bounds.diesPerSecond === undefined ? {} : { atLeast: bounds.diesPerSecond }),
    },
    {
      name: 'processor time of diegate without its workers, a die',
      value: of('diegate').serverUs,
      unit: 'µs',
    },
  ];
  for (const peer of ['naive', 'floor'] as const) {
    if (!measured.has(peer)) continue;
    const bound = bounds[peer];
    figures.push({ name: peer, value: of(peer).diesPerSecond, unit: 'dies/s' });
    figures.push({ name: `processor time of ${peer}, a die`, value: of(peer).serverUs, unit: 'µs' });
    figures.push({
      name: `diegate / ${peer}`,
      value: of('diegate').diesPerSecond / of(peer).diesPerSecond,
      unit: '×',
      ...(bound === undefined ? {} : { atLeast: bound }),
    });
  }
  return figures;
}

async function withTargets(
  starts: readonly Promise<Target>[],
  run: (targets: Target[]) => Promise<Figure[]>,
) {
  const targets = await Promise.all(starts);
  try {
    return await run(targets);
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

function against(
  name: string,
  question: string,
  load: Load,
  connections: number,
  bounds: { naive?: number; floor?: number } = {},
): Scenario {
  return {
    name,
    question,
    run: (effort) =>
      withTargets(
        [startDiegate(SHIPPED.repository), startNaive(SHIPPED.folder), startFloor()],
        async (targets) => ratios(await compare(targets, load, connections, effort), bounds),
      ),
  };
}

/** Dies a second of `session.run` alone, on one thread at batch 64. */
function rawDiesPerSecond(seconds: number): number {
  const entry = fileURLToPath(new URL('../servers/raw.js', import.meta.url));
  return Number(
    execFileSync(process.execPath, [entry, SHIPPED.folder, SHIPPED.model, String(seconds)], {
      encoding: 'utf8',
    }),
  );
}

function batches(name: string, question: string, load: Load, ofRaw: number, atLeast?: number): Scenario {
  return {
    name,
    question,
    run: (effort) =>
      withTargets([startDiegate(SHIPPED.repository), startFloor()], async (targets) => {
        const raws: number[] = [];
        const rates = await compare(targets, load, 8, effort, () =>
          raws.push(rawDiesPerSecond(effort.seconds)),
        );
        const raw = median(raws);
        return [
          ...ratios(rates, atLeast === undefined ? {} : { diesPerSecond: atLeast }),
          { name: 'raw session.run, batch 64, one thread', value: raw, unit: 'dies/s' },
          {
            name: 'diegate / raw',
            value: (rates.get('diegate') ?? NOTHING).diesPerSecond / raw,
            unit: '×',
            atLeast: ofRaw,
          },
        ];
      }),
  };
}

const heavy: Scenario = {
  name: 'heavy-64',
  question: 'A heavy model (8.4 MB autoencoder), single JSON dies on 64 connections',
  async run(effort) {
    const repository = await writeAutoencoder(HEAVY);
    return withTargets(
      [startDiegate(repository), startNaive(`${repository}/${HEAVY.name}/1`)],
      async (targets) => ratios(await compare(targets, singleJson(), 64, effort), { naive: 3 }),
    );
  },
};

const steps: Scenario = {
  name: 'steps',
  question: 'What the unavoidable parts alone leave of the floor, single JSON dies on 64 connections',
  run: (effort) =>
    withTargets(
      [
        startFloor(),
        startStep('sockets'),
        startStep('decode'),
        startStep('fastify'),
        startStep('fastify-decode'),
        startDiegate(SHIPPED.repository, { LOG_PREDICTIONS: '0' }),
      ],
      async (targets) => {
        const measured = await compare(targets, singleJson(), 64, effort);
        const floor = measured.get('floor') ?? NOTHING;
        return [...measured].flatMap(([name, { diesPerSecond, serverUs }]): Figure[] => [
          {
            name: name === 'diegate' ? 'diegate without request lines' : name,
            value: diesPerSecond,
            unit: 'dies/s',
          },
          { name: '… of the floor', value: diesPerSecond / floor.diesPerSecond, unit: '×' },
          { name: '… processor time of the server process, a die', value: serverUs, unit: 'µs' },
        ]);
      },
    ),
};

export const THROUGHPUT: readonly Scenario[] = [
  against('single-64', 'Single JSON dies on 64 connections', singleJson(), 64, { naive: 2.5, floor: 0.75 }),
  against('single-8', 'Single JSON dies on 8 connections', singleJson(), 8),
  against('single-1', 'Single JSON dies on 1 connection', singleJson(), 1),
  against('digits-64', 'The same with 17-digit values, 64 connections', singleJson('seventeen-digits'), 64),
  batches('batch-json', 'Batch calls of 64 dies as JSON, 8 connections', batchJson(64), 0.2, 20_000),
  batches('batch-binary', 'Batch calls of 64 dies as float32, 8 connections', batchBinary(64), 0.5),
  {
    name: 'single-binary',
    question: 'Single dies as float32 on 64 connections',
    run: (effort) =>
      withTargets([startDiegate(SHIPPED.repository), startFloor()], async (targets) =>
        ratios(await compare(targets, singleBinary(), 64, effort), {}),
      ),
  },
  heavy,
  steps,
];
