import type { Load } from './load/closed-loop.js';
import { singleJson } from './load/dies.js';
import { plainLoop } from './load/plain-loop.js';
import { cpuSeconds, family } from './load/usage.js';
import { SHIPPED, startDiegate } from './servers/start.js';
import { median } from './statistics.js';

/**
 * node peers.js ROUNDS SECONDS NAME=PORT=PID=DIALECT...: single JSON dies on 1, 8 and 64 connections to diegate, with its express lane and
 * without, and to servers that serve the same model already, by turns. DIALECT: `predict` for POST /predict with a die as diegate
 * takes it, `v2` for the Open Inference Protocol's JSON. Exits with 1 where a peer is ahead of both in anything.
 */
const CONNECTIONS = [1, 8, 64];
const EXPRESS_DIES = '16';
const WARM_UP_SECONDS = 5;
const PATIENCE_MS = 90_000;

interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly load: Load;
}

interface Shown {
  readonly diesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of all its processes, microseconds a die. */
  readonly cpuUs: number;
}

const die = singleJson();

/** The same die as the Open Inference Protocol says it in JSON. */
function v2Load(): Load {
  const { test_params: data } = JSON.parse(die.body.toString()) as {
    readonly test_params: readonly number[];
  };
  const inputs = [{ name: 'test_params', shape: [1, data.length], datatype: 'FP32', data }];
  return { ...die, path: `/v2/models/${SHIPPED.model}/infer`, body: Buffer.from(JSON.stringify({ inputs })) };
}

const [rounds = '3', seconds = '3', ...named] = process.argv.slice(2);
const peers: Server[] = named.map((one) => {
  const [name = '', port = '', pid = '', dialect = ''] = one.split('=');
  return { name, port: Number(port), pid: Number(pid), load: dialect === 'v2' ? v2Load() : die };
});

async function answering({ name, port, load }: Server): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await plainLoop(port, load, { connections: 1, seconds: 0 });
      return;
    } catch (error) {
      if (performance.now() > untilMs) throw new Error(`${name} does not answer`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function shownBy({ port, pid, load }: Server, connections: number, forSeconds: number): Promise<Shown> {
  const before = cpuSeconds(family(pid));
  const { diesPerSecond, p50Ms, p99Ms } = await plainLoop(port, load, { connections, seconds: forSeconds });
  const cpuUs = ((cpuSeconds(family(pid)) - before) * 1e6) / (diesPerSecond * forSeconds);
  return { diesPerSecond, p50Ms, p99Ms, cpuUs };
}

function medians(all: readonly Shown[]): Shown {
  const of = (key: keyof Shown) => median(all.map((one) => one[key]));
  return { diesPerSecond: of('diesPerSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), cpuUs: of('cpuUs') };
}

/** What a peer is ahead of diegate's better way in. */
function aheadIn(peer: Shown, own: readonly Shown[]): string[] {
  const ahead: string[] = [];
  if (own.every(({ diesPerSecond }) => peer.diesPerSecond > diesPerSecond)) ahead.push('dies/s');
  if (own.every(({ p99Ms }) => peer.p99Ms < p99Ms)) ahead.push('p99');
  if (own.every(({ cpuUs }) => peer.cpuUs < cpuUs)) ahead.push('processor time');
  return ahead;
}

const diegates = await Promise.all([
  startDiegate(SHIPPED.repository, { EXPRESS_DIES }),
  startDiegate(SHIPPED.repository),
]);
const say = (line: string) => process.stdout.write(`${line}\n`);
try {
  const own: Server[] = diegates.map(({ port, pid }, i) => ({
    name: i === 0 ? `diegate, EXPRESS_DIES=${EXPRESS_DIES}` : 'diegate',
    port,
    pid,
    load: die,
  }));
  const servers = [...own, ...peers];
  for (const server of servers) await answering(server);
  for (const connections of CONNECTIONS) {
    const all = servers.map((): Shown[] => []);
    for (const server of servers) await shownBy(server, connections, WARM_UP_SECONDS);
    for (let round = 0; round < Number(rounds); round++)
      for (const [i, server] of servers.entries())
        all[i]?.push(await shownBy(server, connections, Number(seconds)));
    const shown = all.map(medians);
    say(
      `\n| ${connections} ${connections === 1 ? 'connection' : 'connections'} | dies/s | p50 ms | p99 ms | processor time a die, µs |`,
    );
    say('|---|---|---|---|---|');
    for (const [i, { name }] of servers.entries()) {
      const one = shown[i];
      if (one === undefined) continue;
      const { diesPerSecond, p50Ms, p99Ms, cpuUs } = one;
      say(
        `| ${name} | ${Math.round(diesPerSecond)} | ${p50Ms.toFixed(2)} | ${p99Ms.toFixed(2)} | ${Math.round(cpuUs)} |`,
      );
      const ahead = i < own.length ? [] : aheadIn(one, shown.slice(0, own.length));
      if (ahead.length === 0) continue;
      process.exitCode = 1;
      say(`| ↑ ahead of diegate in ${ahead.join(', ')} | | | | |`);
    }
  }
} finally {
  await Promise.all(diegates.map((target) => target.stop()));
}
