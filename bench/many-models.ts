// What dozens of models cost: 50 of 0.56 MB on one server with 2 workers.
//
//   npm run bench:build && node dist/.bench/bench/many-models.js
//
// Prints the time from start to ready, the memory of all processes together, and the throughput of one model
// with 49 idle neighbours beside that of a server that holds it alone: medians of interleaved rounds; and the
// processor time of a die on both, which says more on a busy machine. Exits with 1 when a figure misses its bound: ready within 10 s, 1 GB, and a ratio of 0.95.

import { rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { closedLoop } from './load/closed-loop.js';
import { singleJson } from './load/dies.js';
import { cpuSeconds, family, pssMb } from './load/usage.js';
import { USUAL, writeAutoencoders } from './models/autoencoder.js';
import { startDiegate } from './servers/start.js';
import { median } from './statistics.js';

const MODELS = 50;
const ROUNDS = 17;
const SECONDS = 1;
const CONNECTIONS = 64;
const ENVIRONMENT = { INFERENCE_WORKERS: '2' };

const models = Array.from({ length: MODELS }, (_, i) => ({ ...USUAL, name: `model-${i + 1}` }));
const [many, one] = [await writeAutoencoders(models), await writeAutoencoders(models.slice(0, 1))];
const say = (name: string, value: string) =>
  process.stdout.write(`${name.padEnd(58)}${value.padStart(14)}\n`);
process.stdout.write(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)}\n\n`,
);

const full = await startDiegate(many, ENVIRONMENT);
const readyMs = full.readyAfterMs;
say(`start to ready, ${MODELS} models`, `${(readyMs / 1000).toFixed(2)} s`);
const memoryMb = pssMb(family(full.pid));
say('memory of all processes (PSS), idle', `${Math.round(memoryMb)} MB`);
const alone = await startDiegate(one, ENVIRONMENT);
say('start to ready, 1 model', `${(alone.readyAfterMs / 1000).toFixed(2)} s`);

const load = singleJson();
const measure = (port: number) => closedLoop(port, load, { connections: CONNECTIONS, seconds: SECONDS });
for (const { port } of [full, alone]) await measure(port);
const rates = { full: [] as number[], alone: [] as number[], ratio: [] as number[] };
const micros = { full: [] as number[], alone: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  // Each first in every other round: what a machine does beside falls on both.
  const order = round % 2 === 0 ? ([full, alone] as const) : ([alone, full] as const);
  const measured = new Map<number, number>();
  for (const { port, pid } of order) {
    const before = cpuSeconds(family(pid));
    const { diesPerSecond } = await measure(port);
    const used = cpuSeconds(family(pid)) - before;
    (pid === full.pid ? micros.full : micros.alone).push((used * 1e6) / (diesPerSecond * SECONDS));
    measured.set(port, diesPerSecond);
  }
  const [a, b] = [measured.get(full.port) ?? Number.NaN, measured.get(alone.port) ?? Number.NaN];
  rates.full.push(a);
  rates.alone.push(b);
  rates.ratio.push(a / b);
}
const ratio = median(rates.ratio);
say(`one model with ${MODELS - 1} idle neighbours`, `${Math.round(median(rates.full))} dies/s`);
say('the same model alone', `${Math.round(median(rates.alone))} dies/s`);
say('ratio, median of the rounds', ratio.toFixed(3));
say('processor time of a die, with neighbours', `${median(micros.full).toFixed(1)} µs`);
say('processor time of a die, alone', `${median(micros.alone).toFixed(1)} µs`);
const afterMb = pssMb(family(full.pid));
say('memory of all processes (PSS), after the load', `${Math.round(afterMb)} MB`);

await Promise.all([full.stop(), alone.stop()]);
await Promise.all([many, one].map((folder) => rm(folder, { recursive: true })));
process.exitCode = readyMs < 10_000 && afterMb < 1000 && ratio >= 0.95 ? 0 : 1;
