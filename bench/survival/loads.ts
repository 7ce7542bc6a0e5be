import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import { autoencoder, LARGE } from '../models/autoencoder.js';
import { addVersion, type BenchVersion } from '../models/bench-version.js';
import { forest } from '../models/forest.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { call } from './calls.js';
import { untilTrue } from './processes.js';
import { temporaryFolder, withKey, writeKeys } from './repository.js';
import { never, type Survival, told } from './scenario.js';
import { type Server, startServer } from './server.js';
import { type Account, newAccount, notOk, Tester, withTesters } from './tester.js';

const DEADLINE_MS = 100;
const TESTERS = 4;
const THINK_MS = 45;
/** As the isolation forest of 100 trees that scikit-learn's exporter writes. */
const FOREST_NODES = 2_900;
const LOADED_WITHIN_MS = 120_000;
/** The event loop is not to stand still longer than a batch takes. */
const LATE_LOOP_S = 0.05;

/** One worker answers dies at a steady pace, while versions that take seconds to open come and go in every way. */
export const LOADS: Survival = {
  name: 'loads',
  question: `a forest of ${FOREST_NODES} nodes and a model of 120 MB are loaded and unloaded in every way: how many dies miss their deadline of ${DEADLINE_MS} ms?`,
  async run(): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const standBys of [0, 1]) figures.push(...(await loading(standBys)));
    return figures;
  },
};

async function loading(standBys: number): Promise<Figure[]> {
  const root = await makeRepository();
  const server = await startServer({
    repository: join(root, 'models'),
    environment: {
      API_KEYS_FILE: writeKeys(),
      INFERENCE_WORKERS: '1',
      STANDBY_WORKERS: `${standBys}`,
      REPOSITORY_WATCH_MS: '100',
      LAZY_WAIT_MS: `${LOADED_WITHIN_MS}`,
      LAZY_MEMORY_MB: '4096',
    },
  });
  const admin = (path: string) => ok(server, `/admin/models/${path}`);
  const example = (await call(`${server.url}/models/forest/versions/1/example`)).body;
  const steps: readonly (readonly [what: string, act: () => Promise<unknown>])[] = [
    ['nothing is loaded', () => sleep(2_000)],
    ['a new version is loaded', () => admin('forest/versions/2/load')],
    ['it is unloaded', () => admin('forest/versions/2/unload').then(() => sleep(500))],
    ['a lazy model is used for the first time', () => ok(server, '/models/forest/predict', example)],
    ['120 MB are loaded', () => admin('large/versions/2/load')],
    ['they are unloaded', () => admin('large/versions/2/unload').then(() => sleep(500))],
    ['a model is put into the repository', () => putInto(root, server)],
  ];
  const figures: Figure[] = [];
  for (const [what, act] of steps)
    figures.push(...(await figuresOf(`stand-by ${standBys}: ${what}`, server, act)));
  await server.stop();
  return figures;
}

async function figuresOf(label: string, server: Server, act: () => Promise<unknown>): Promise<Figure[]> {
  const account = newAccount();
  const before = await lateTurns(server);
  let tookMs = 0;
  await withTesters(testers(server.port, account), async () => {
    const startedMs = performance.now();
    await act();
    tookMs = performance.now() - startedMs;
    await sleep(200);
  });
  const turns = (await lateTurns(server)) - before;
  return [
    told(`${label}: took`, tookMs, 'ms'),
    told(`${label}: dies`, account.sent),
    never(`${label}: late (not 200), or never answered`, notOk(account) + account.lost),
    told(`${label}: longest wait`, account.longestMs, 'ms'),
    told(`${label}: turns of the event loop later than ${LATE_LOOP_S * 1000} ms`, turns),
  ];
}

/** A repository with the shipped model, and two that are loaded on demand. */
async function makeRepository(): Promise<string> {
  const root = temporaryFolder();
  const models = join(root, 'models');
  cpSync(SHIPPED.repository, models, { recursive: true, dereference: true });
  for (const version of [forest('forest', FOREST_NODES), autoencoder(LARGE)]) await addTwice(models, version);
  const fresh = forest('fresh', FOREST_NODES);
  await addVersion(root, fresh);
  const serving = {
    defaultModel: SHIPPED.model,
    models: {
      [SHIPPED.model]: { default: '1' },
      forest: { lazy: true, default: '1' },
      large: { lazy: true, default: '1' },
    },
  };
  writeFileSync(join(models, 'serving.json'), JSON.stringify(serving));
  return root;
}

async function addTwice(models: string, version: BenchVersion): Promise<void> {
  await addVersion(models, version);
  const second = join(models, version.name, '2');
  cpSync(join(models, version.name, '1'), second, { recursive: true });
  const manifest = join(second, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version":"1"', '"version":"2"'));
}

/** Puts a model where the server looks for changes; resolves when it is ready. */
async function putInto(root: string, server: Server): Promise<void> {
  cpSync(join(root, 'fresh'), join(root, 'models', 'fresh'), { recursive: true });
  const isReady = async () => (await call(`${server.url}/v2/models/fresh/ready`)).status === 200;
  if ((await untilTrue(isReady, LOADED_WITHIN_MS)) === undefined)
    throw new Error('the model in the repository never became ready');
}

async function ok(server: Server, path: string, body?: string): Promise<void> {
  const answer = await call(`${server.url}${path}`, 'POST', body);
  if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${answer.body}`);
}

function testers(port: number, account: Account): Tester[] {
  const die = withKey(singleJson());
  const load = { ...die, headers: { ...die.headers, 'x-deadline-ms': `${DEADLINE_MS}` } };
  return Array.from(
    { length: TESTERS },
    () => new Tester({ port, load, account, thinkMs: () => THINK_MS, afterClose: 'reconnect' }),
  );
}

/** Turns of the event loop so far that came later than a batch takes. */
async function lateTurns({ url }: Server): Promise<number> {
  const { body } = await call(`${url}/metrics`);
  const [within, all] = [`bucket{le="${LATE_LOOP_S}"}`, 'count'].map((series) => {
    const line = body.split('\n').find((one) => one.startsWith(`event_loop_delay_seconds_${series}`));
    return Number(line?.split(' ').at(-1));
  });
  return (all ?? Number.NaN) - (within ?? Number.NaN);
}
