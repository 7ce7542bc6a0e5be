import { closedLoop } from '../load/closed-loop.js';
import { batchJson, singleJson } from '../load/dies.js';
import { healthLatencies } from '../load/health-prober.js';
import { openLoop } from '../load/open-loop.js';
import { family, pssMb } from '../load/usage.js';
import { HEAVY, SLOW, writeAutoencoder } from '../models/autoencoder.js';
import { SHIPPED, startDiegate, startFloor, startNaive } from '../servers/start.js';
import { median, quantile } from '../statistics.js';
import type { Figure, Scenario } from './scenario.js';

/** Turns of the event loop by the bounds of their delay, milliseconds; cumulative, since the start. */
async function loopDelays(port: number): Promise<{ boundMs: number; turns: number }[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return [...text.matchAll(/^event_loop_delay_seconds_bucket\{le="(\S+)"\} (\d+)$/gm)].map(
    ([, le, turns]) => ({ boundMs: Number(le) * 1000, turns: Number(turns) }),
  );
}

/** The least bound below which 99% of the event loop's turns while `load` ran were, milliseconds. */
async function loopDelayP99Ms(port: number, load: () => Promise<unknown>): Promise<number> {
  const before = await loopDelays(port);
  await load();
  const during = (await loopDelays(port)).map(({ boundMs, turns }, i) => ({
    boundMs,
    turns: turns - (before[i]?.turns ?? 0),
  }));
  const all = during.at(-1)?.turns ?? 0;
  return during.find(({ turns }) => turns >= all * 0.99)?.boundMs ?? Number.NaN;
}

const openLoopHalf: Scenario = {
  name: 'open-loop',
  question: 'Open loop at half of capacity: what a tester sees',
  async run({ rounds, seconds, warmUpSeconds }) {
    const diegate = await startDiegate(SHIPPED.repository);
    const naive = await startNaive(SHIPPED.folder);
    const floor = await startFloor();
    const targets = [diegate, naive, floor];
    try {
      for (const { port } of targets)
        await closedLoop(port, singleJson(), { connections: 64, seconds: warmUpSeconds });
      const capacity = await closedLoop(diegate.port, singleJson(), { connections: 64, seconds });
      const ratePerSecond = capacity.requestsPerSecond / 2;
      const p99: Record<string, number[]> = { diegate: [], naive: [], floor: [] };
      for (let round = 0; round < rounds; round++) {
        for (const target of targets) {
          const result = await openLoop(target.port, singleJson(), {
            ratePerSecond,
            seconds,
            connections: 256,
          });
          p99[target.name]?.push(quantile(result.okMs, 0.99));
        }
      }
      const ours = median(p99.diegate ?? []);
      const theirs = median(p99.naive ?? []);
      return [
        { name: 'rate', value: ratePerSecond, unit: 'dies/s' },
        { name: 'diegate p99', value: ours, unit: 'ms', atMost: 10 },
        { name: 'naive p99 at the same rate', value: theirs, unit: 'ms' },
        { name: 'floor p99 at the same rate', value: median(p99.floor ?? []), unit: 'ms' },
        { name: 'diegate / naive p99', value: ours / theirs, unit: '×', atMost: 0.25 },
      ];
    } finally {
      await Promise.all(targets.map((target) => target.stop()));
    }
  },
};

const heavySaturated: Scenario = {
  name: 'heavy-health',
  question: 'A heavy model saturated: is the event loop free?',
  async run({ seconds, warmUpSeconds }) {
    const target = await startDiegate(await writeAutoencoder(HEAVY));
    try {
      await closedLoop(target.port, singleJson(), { connections: 64, seconds: warmUpSeconds });
      let health: Float64Array = new Float64Array();
      const loopP99Ms = await loopDelayP99Ms(target.port, async () => {
        const options = { connections: 64, seconds: Math.max(4, seconds) };
        health = await healthLatencies(target.port, closedLoop(target.port, singleJson(), options));
      });
      return [
        {
          name: 'upper bound of the bucket of the event-loop delay p99',
          value: loopP99Ms,
          unit: 'ms',
          atMost: 10,
        },
        { name: '/health p99', value: quantile(health, 0.99), unit: 'ms', atMost: 20 },
      ];
    } finally {
      await target.stop();
    }
  },
};

const mixed: Scenario = {
  name: 'mixed',
  question: 'Realtime dies at a constant rate while batch calls saturate the server',
  async run({ seconds }) {
    const target = await startDiegate(SHIPPED.repository);
    const rate = { ratePerSecond: 500, seconds: seconds * 2, connections: 64 };
    try {
      await closedLoop(target.port, batchJson(64), { connections: 4, seconds: 1 });
      const alone = await openLoop(target.port, singleJson(), rate);
      const bulk = closedLoop(target.port, batchJson(64), { connections: 4, seconds: seconds * 2 });
      const beside = await openLoop(target.port, singleJson(), rate);
      return [
        { name: 'realtime p99 alone', value: quantile(alone.okMs, 0.99), unit: 'ms' },
        { name: 'realtime p99 beside bulk', value: quantile(beside.okMs, 0.99), unit: 'ms' },
        { name: 'bulk beside realtime', value: (await bulk).diesPerSecond, unit: 'dies/s' },
      ];
    } finally {
      await target.stop();
    }
  },
};

const overload: Scenario = {
  name: 'overload',
  question: 'A slow model offered five times its capacity',
  async run({ seconds, warmUpSeconds, overloadSeconds }) {
    const target = await startDiegate(await writeAutoencoder(SLOW));
    const pids = family(target.pid);
    try {
      await closedLoop(target.port, singleJson(), { connections: 64, seconds: warmUpSeconds });
      const before = await closedLoop(target.port, singleJson(), { connections: 64, seconds: seconds + 1 });
      const load = {
        ratePerSecond: before.requestsPerSecond * 5,
        seconds: overloadSeconds / 2,
        connections: 512,
      };
      await openLoop(target.port, singleJson(), load);
      const pssHalfWay = pssMb(pids);
      const result = await openLoop(target.port, singleJson(), load);
      const pssAfter = pssMb(pids);
      const first = await closedLoop(target.port, singleJson(), { connections: 64, seconds: 1 });
      const after = await closedLoop(target.port, singleJson(), { connections: 64, seconds: seconds + 1 });
      return [
        { name: 'capacity', value: before.requestsPerSecond, unit: 'dies/s' },
        { name: 'offered', value: load.ratePerSecond, unit: 'dies/s' },
        ...outcomeFigures(result.statuses, result.unanswered),
        {
          name: 'answered 200 a second / capacity',
          value: result.okMs.length / load.seconds / before.requestsPerSecond,
          unit: '×',
        },
        {
          name: 'accepted p99',
          value: quantile(result.okMs, 0.99),
          unit: 'ms',
          atMost: SLOW.defaultDeadlineMs,
        },
        { name: 'refusal p50', value: quantile(result.refusedMs, 0.5), unit: 'ms', atMost: 10 },
        { name: 'memory, second half over first', value: pssAfter / pssHalfWay, unit: '×', atMost: 1.1 },
        {
          name: 'throughput in the first second after / before',
          value: first.requestsPerSecond / before.requestsPerSecond,
          unit: '×',
        },
        {
          name: 'throughput from a second after it on / before',
          value: after.requestsPerSecond / before.requestsPerSecond,
          unit: '×',
          atLeast: 0.9,
        },
      ];
    } finally {
      await target.stop();
    }
  },
};

function outcomeFigures(statuses: ReadonlyMap<number, number>, unanswered: number): Figure[] {
  const count = (status: number) => statuses.get(status) ?? 0;
  const others = [...statuses].filter(([status]) => ![200, 503, 504].includes(status));
  return [
    { name: 'second half: answered 200', value: count(200), unit: 'dies' },
    { name: 'second half: refused 503', value: count(503), unit: 'dies' },
    { name: 'second half: expired 504', value: count(504), unit: 'dies' },
    { name: 'any other status', value: others.reduce((sum, [, n]) => sum + n, 0), unit: 'dies', atMost: 0 },
    { name: 'never answered', value: unanswered, unit: 'dies', atMost: 0 },
  ];
}

const footprint: Scenario = {
  name: 'footprint',
  question: 'Start and memory, one worker',
  async run({ rounds, seconds }) {
    const starts: number[] = [];
    let pss = 0;
    for (let round = 0; round < Math.max(3, rounds); round++) {
      const target = await startDiegate(SHIPPED.repository, { INFERENCE_WORKERS: '1' });
      starts.push(target.readyAfterMs);
      if (round === 0) {
        const load = closedLoop(target.port, singleJson(), {
          connections: 64,
          seconds: Math.max(4, seconds),
        });
        await new Promise((resolve) => setTimeout(resolve, 3000));
        pss = pssMb(family(target.pid));
        await load;
      }
      await target.stop();
    }
    return [
      { name: 'process start to ready', value: median(starts), unit: 'ms', atMost: 1000 },
      { name: 'memory (PSS) of all processes at full load', value: pss, unit: 'MB', atMost: 150 },
    ];
  },
};

export const LATENCY: readonly Scenario[] = [openLoopHalf, heavySaturated, mixed, overload, footprint];
