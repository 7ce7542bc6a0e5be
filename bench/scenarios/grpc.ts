import { singleBinary } from '../load/dies.js';
import { dieMessage, streamLoop, unaryLoop } from '../load/grpc-loop.js';
import { plainLoop } from '../load/plain-loop.js';
import { cpuSeconds, family, pssMb } from '../load/usage.js';
import { SHIPPED, startDiegate, type Target } from '../servers/start.js';
import { median } from '../statistics.js';
import type { Effort, Figure, Scenario } from './scenario.js';

const CALLERS = 64;
const CONNECTIONS = 8;

/** What one way of asking has shown in one round. */
interface Shown {
  readonly diesPerSecond: number;
  /** Processor time of the server process without its workers, microseconds a die. */
  readonly serverUs: number;
}

const die = singleBinary();
const message = dieMessage(SHIPPED.model, die.body);

/** The same raw die by every way, on the same server. */
const WAYS = {
  http: async (port: number, seconds: number) =>
    (await plainLoop(port, die, { connections: CALLERS, seconds })).diesPerSecond,
  unary: async (port: number, seconds: number) => {
    const callers = CALLERS / CONNECTIONS;
    return (await unaryLoop(port, { connections: CONNECTIONS, callers, message, seconds })).diesPerSecond;
  },
  stream: async (port: number, seconds: number) =>
    (await streamLoop(port, { window: CALLERS, message, seconds })).diesPerSecond,
} satisfies Record<string, (port: number, seconds: number) => Promise<number>>;

type Way = keyof typeof WAYS;
const NAMES: readonly Way[] = ['http', 'unary', 'stream'];

async function measured({ port, pid }: Target, effort: Effort): Promise<(way: Way) => Shown> {
  for (const name of NAMES) await WAYS[name](port, effort.warmUpSeconds);
  const shown = new Map<Way, Shown[]>(NAMES.map((name) => [name, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const name of NAMES) {
      const before = cpuSeconds([pid]);
      const diesPerSecond = await WAYS[name](port, effort.seconds);
      const serverUs = ((cpuSeconds([pid]) - before) * 1e6) / (diesPerSecond * effort.seconds);
      shown.get(name)?.push({ diesPerSecond, serverUs });
    }
  }
  return (way) => {
    const all = shown.get(way) ?? [];
    return {
      diesPerSecond: median(all.map((one) => one.diesPerSecond)),
      serverUs: median(all.map((one) => one.serverUs)),
    };
  };
}

const singles: Scenario = {
  name: 'grpc',
  question: `Single raw dies over gRPC (${CALLERS} callers on ${CONNECTIONS} connections; one stream, ${CALLERS} on their way) and over HTTP (${CALLERS} connections)`,
  async run(effort): Promise<Figure[]> {
    const target = await startDiegate(SHIPPED.repository);
    try {
      const of = await measured(target, effort);
      const [http, unary, stream] = [of('http'), of('unary'), of('stream')];
      return [
        { name: 'HTTP, float32', value: http.diesPerSecond, unit: 'dies/s' },
        { name: 'ModelInfer', value: unary.diesPerSecond, unit: 'dies/s' },
        { name: 'ModelStreamInfer', value: stream.diesPerSecond, unit: 'dies/s' },
        {
          name: 'ModelInfer / HTTP',
          value: unary.diesPerSecond / http.diesPerSecond,
          unit: '×',
          atLeast: 0.6,
        },
        {
          name: 'ModelStreamInfer / HTTP',
          value: stream.diesPerSecond / http.diesPerSecond,
          unit: '×',
          atLeast: 1.5,
        },
        { name: 'processor time of the server process, a die, HTTP', value: http.serverUs, unit: 'µs' },
        { name: '… ModelInfer', value: unary.serverUs, unit: 'µs' },
        { name: '… ModelStreamInfer', value: stream.serverUs, unit: 'µs' },
        { name: '… ModelInfer / HTTP', value: unary.serverUs / http.serverUs, unit: '×', atMost: 1.6 },
      ];
    } finally {
      await target.stop();
    }
  },
};

const IDLE_STARTS = 7;

/** A server that nobody calls over gRPC. */
const start: Scenario = {
  name: 'grpc-start',
  question:
    'Start and memory of a server that could speak gRPC and is not asked to, against one that never will',
  async run(): Promise<Figure[]> {
    const seen = { on: [] as [number, number][], off: [] as [number, number][] };
    for (let i = 0; i < IDLE_STARTS; i++) {
      for (const way of ['on', 'off'] as const) {
        const target = await startDiegate(SHIPPED.repository, { GRPC: way });
        seen[way].push([target.readyAfterMs, pssMb(family(target.pid))]);
        await target.stop();
      }
    }
    const of = (way: 'on' | 'off', column: 0 | 1) => median(seen[way].map((one) => one[column]));
    return [
      { name: 'ready', value: of('on', 0), unit: 'ms' },
      { name: 'ready, GRPC=off', value: of('off', 0), unit: 'ms' },
      { name: 'ready, on / off', value: of('on', 0) / of('off', 0), unit: '×', atMost: 1.05 },
      { name: 'memory of all processes', value: of('on', 1), unit: 'MB' },
      { name: 'memory, GRPC=off', value: of('off', 1), unit: 'MB' },
      { name: 'memory, on / off', value: of('on', 1) / of('off', 1), unit: '×', atMost: 1.05 },
    ];
  },
};

export const GRPC: readonly Scenario[] = [singles, start];
