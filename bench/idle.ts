import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readArguments } from './arguments.js';
import { singleJson } from './load/dies.js';
import { PlainConnection, requestBytes } from './load/plain-connection.js';
import { plainLoop } from './load/plain-loop.js';
import { cpuSeconds, family } from './load/usage.js';
import { SHIPPED, startDiegate } from './servers/start.js';

/**
 * node dist/.bench/bench/idle.js [--silence 600]: what a server costs that nobody asks anything, and how long the first die after the
 * silence takes, with the express lane and without.
 */
const USAGE = 'node dist/.bench/bench/idle.js [--silence 600]';
const { silence } = readArguments(USAGE, () => {
  const { values } = parseArgs({ options: { silence: { type: 'string', default: '600' } } });
  return { silence: Number(values.silence) };
});

const say = (line: string) => process.stdout.write(`${line}\n`);

/** How often threads of these processes have gone to sleep by themselves: each wake-up of an idle one ends so. */
function sleeps(pids: readonly number[]): number {
  let count = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
      count += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
    }
  }
  return count;
}

const die = singleJson();

async function oneDieMs(connection: PlainConnection): Promise<number> {
  const sentMs = performance.now();
  const status = await new Promise((resolve) => connection.send(requestBytes(die), resolve));
  if (status !== 200) throw new Error(`an answer was ${status} and not 200`);
  return performance.now() - sentMs;
}

const servers = await Promise.all(
  ['16', '0'].map(async (dies) => ({
    name: `EXPRESS_DIES=${dies}`,
    target: await startDiegate(SHIPPED.repository, { EXPRESS_DIES: dies, KEEP_ALIVE_TIMEOUT_MS: '86400000' }),
  })),
);
try {
  say(`${silence} s of silence, after 5 s of single dies on one connection\n`);
  say(
    '| server | processor time while idle | wake-ups a second, all threads | warm p50 | first die after it | ratio |',
  );
  say('|---|---|---|---|---|---|');
  const warm = [];
  for (const { name, target } of servers) {
    const { p50Ms } = await plainLoop(target.port, die, { connections: 1, seconds: 5 });
    const connection = await PlainConnection.open(target.port);
    await oneDieMs(connection);
    warm.push({ name, target, p50Ms, connection });
  }
  // What follows load, such as a collection of garbage, has its time.
  await sleep(5_000);
  const before = warm.map(({ target: { pid } }) => ({
    cpu: cpuSeconds(family(pid)),
    sleeps: sleeps(family(pid)),
  }));
  await sleep(silence * 1000);
  for (const [i, { name, target, p50Ms, connection }] of warm.entries()) {
    const pids = family(target.pid);
    const share = (cpuSeconds(pids) - (before[i]?.cpu ?? 0)) / silence;
    const wakeUps = (sleeps(pids) - (before[i]?.sleeps ?? 0)) / silence;
    const firstMs = await oneDieMs(connection);
    connection.close();
    say(
      `| ${name} | ${(share * 100).toFixed(2)}% of a core | ${wakeUps.toFixed(1)} | ${p50Ms.toFixed(2)} ms | ${firstMs.toFixed(2)} ms | ${(firstMs / p50Ms).toFixed(1)} × |`,
    );
  }
} finally {
  await Promise.all(servers.map(({ target }) => target.stop()));
}
