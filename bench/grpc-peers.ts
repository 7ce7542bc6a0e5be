import { singleBinary } from './load/dies.js';
import { dieMessage, unaryLoop } from './load/grpc-loop.js';
import { SHIPPED, startDiegate } from './servers/start.js';
import { median } from './statistics.js';

/**
 * node grpc-peers.js ROUNDS SECONDS NAME=PORT...: dies a second of diegate and of servers that serve the same model over gRPC
 * already, by turns; exits with 1 where diegate has less than ten times as many.
 */
const LEAST_RATIO = 10;
const PATIENCE_MS = 60_000;

const [rounds = '5', seconds = '3', ...named] = process.argv.slice(2);
const peers = named.map((one) => {
  const [name = '', port = ''] = one.split('=');
  return { name, port: Number(port) };
});
const message = dieMessage(SHIPPED.model, singleBinary().body);

function load(port: number, forSeconds: number) {
  return unaryLoop(port, { connections: 8, callers: 8, message, seconds: forSeconds });
}

async function answering(port: number): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await unaryLoop(port, { connections: 1, callers: 1, message, seconds: 0 });
      return;
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const diegate = await startDiegate(SHIPPED.repository);
try {
  const all = [{ name: 'diegate', port: diegate.port }, ...peers];
  for (const { port } of all) await answering(port);
  const seen = new Map<string, number[]>(all.map(({ name }) => [name, []]));
  for (const { port } of all) await load(port, Number(seconds));
  for (let round = 0; round < Number(rounds); round++) {
    for (const { name, port } of all) seen.get(name)?.push((await load(port, Number(seconds))).diesPerSecond);
  }
  const own = median(seen.get('diegate') ?? []);
  for (const [name, rates] of seen) {
    const rate = median(rates);
    process.stdout.write(`${name}: ${Math.round(rate)} dies/s; diegate has ${(own / rate).toFixed(1)} ×\n`);
    if (name !== 'diegate' && own / rate < LEAST_RATIO) process.exitCode = 1;
  }
} finally {
  await diegate.stop();
}
