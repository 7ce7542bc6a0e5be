import { cpSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedLoop } from '../load/closed-loop.js';
import { singleJson } from '../load/dies.js';
import { family, pssMb } from '../load/usage.js';
import { autoencoder, LARGE } from '../models/autoencoder.js';
import { addVersion } from '../models/bench-version.js';
import { SHIPPED, startDiegate, type Target } from '../servers/start.js';
import { median } from '../statistics.js';
import { call } from '../survival/calls.js';
import { untilTrue } from '../survival/processes.js';
import { temporaryFolder, writeKeys } from '../survival/repository.js';
import type { Effort, Figure, Scenario } from './scenario.js';

const SWAPS = 10;
const CONNECTIONS = 64;
const RESTS_WITHIN_MS = 60_000;
/** More than glibc takes: it then keeps to what it does where nothing is set. */
const NO_THRESHOLD = '1073741824';

/** What is left in the workers of versions that have gone, and what it costs to have them give it back. */
export const SWAPPED: Scenario = {
  name: 'swaps',
  question: `a model of 120 MB is loaded and unloaded ${SWAPS} times: what do the workers hold in the end?`,
  async run(effort) {
    const repository = await makeRepository();
    const figures: Figure[] = [];
    for (const standBys of [0, 1]) figures.push(...(await swapping(repository, standBys)));
    return [...figures, ...(await givingBack(effort))];
  },
};

async function swapping(repository: string, standBys: number): Promise<Figure[]> {
  const server = await startDiegate(repository, {
    API_KEYS_FILE: writeKeys(),
    INFERENCE_WORKERS: '1',
    STANDBY_WORKERS: `${standBys}`,
  });
  const without = await memoryAtRest(server, 1 + standBys);
  const held: number[] = [];
  let last = 0;
  for (let swap = 0; swap < SWAPS; swap++) {
    await change(server, 'load');
    held.push(await memoryAtRest(server, 1 + standBys));
    await change(server, 'unload');
    last = await memoryAtRest(server, 1 + standBys);
  }
  await server.stop();
  const [first = Number.NaN] = held;
  const label = `${1 + standBys} process${standBys === 0 ? '' : 'es'}`;
  return [
    { name: `${label}: memory of the workers without it`, value: without, unit: 'MB' },
    { name: `${label}: with it loaded once`, value: first, unit: 'MB' },
    { name: `${label}: with it loaded ${SWAPS} times`, value: held.at(-1) ?? Number.NaN, unit: 'MB' },
    {
      name: `${label}: the most of ${SWAPS}, of one`,
      value: Math.max(...held) / first,
      unit: '×',
      atMost: 1.2,
    },
    { name: `${label}: unloaded again`, value: last, unit: 'MB' },
  ];
}

/** Throughput with memory given back, of that without. */
async function givingBack(effort: Effort): Promise<Figure[]> {
  const environment = { INFERENCE_WORKERS: '1' };
  const given = await startDiegate(SHIPPED.repository, environment);
  const kept = await startDiegate(SHIPPED.repository, {
    ...environment,
    MALLOC_MMAP_THRESHOLD_: NO_THRESHOLD,
  });
  const load = singleJson();
  const rateOf = async ({ port }: Target) =>
    (await closedLoop(port, load, { connections: CONNECTIONS, seconds: effort.seconds })).diesPerSecond;
  for (const target of [given, kept])
    await closedLoop(target.port, load, { connections: CONNECTIONS, seconds: effort.warmUpSeconds });
  const ratios: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    // Each first in every other round: what a machine does beside falls on both.
    const [first, second] = round % 2 === 0 ? [given, kept] : [kept, given];
    const rates = new Map([[first, await rateOf(first)]]);
    rates.set(second, await rateOf(second));
    ratios.push((rates.get(given) ?? Number.NaN) / (rates.get(kept) ?? Number.NaN));
  }
  await Promise.all([given.stop(), kept.stop()]);
  return [
    {
      name: 'throughput with freed memory given back, of that without',
      value: median(ratios),
      unit: '×',
      atLeast: 0.98,
    },
  ];
}

async function change({ port }: Target, what: 'load' | 'unload'): Promise<void> {
  const { status, body } = await call(
    `http://127.0.0.1:${port}/admin/models/large/versions/2/${what}`,
    'POST',
  );
  if (status !== 200) throw new Error(`${what} was answered with ${status}: ${body}`);
}

/** Memory of the workers once there are as many of them as there are to be, and they have everything open. */
async function memoryAtRest({ pid, port }: Target, processes: number): Promise<number> {
  const isAtRest = async () => {
    const metrics = (await call(`http://127.0.0.1:${port}/metrics`)).body;
    const standing = Number(/^workers_standing_by (\d+)$/m.exec(metrics)?.[1]);
    return family(pid).length === 1 + processes && standing === processes - 1;
  };
  if ((await untilTrue(isAtRest, RESTS_WITHIN_MS)) === undefined)
    throw new Error('the workers do not come to rest');
  return pssMb(family(pid).slice(1));
}

/** The shipped model, and one of 120 MB of which the second version is never needed. */
async function makeRepository(): Promise<string> {
  const models = join(temporaryFolder(), 'models');
  cpSync(SHIPPED.repository, models, { recursive: true, dereference: true });
  await addVersion(models, autoencoder(LARGE));
  const second = join(models, LARGE.name, '2');
  cpSync(join(models, LARGE.name, '1'), second, { recursive: true });
  const manifest = join(second, 'manifest.json');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"version":"1"', '"version":"2"'));
  const serving = {
    defaultModel: SHIPPED.model,
    models: { [SHIPPED.model]: { default: '1' }, [LARGE.name]: { lazy: true, default: '1' } },
  };
  await writeFile(join(models, 'serving.json'), JSON.stringify(serving));
  return models;
}
