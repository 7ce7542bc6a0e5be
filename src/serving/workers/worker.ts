import { constants, setPriority } from 'node:os';
import { performance } from 'node:perf_hooks';
import { DriftCounter, toMessage } from '../../drift/drift-counter.js';
import { createDecide } from '../../models/decision/decide.js';
import { WorkerChannel } from './frames.js';
import type { FromWorker, SessionSpec, ToWorker } from './messages.js';
import { ortReason } from './ort-reason.js';
import type { PolicyRunner } from './run-rows.js';
import { Session } from './session.js';
import { warmUp } from './warm-up.js';

// Beyond what frames and rows of a full batch take.
const LARGE_FILE_BYTES = 16 * 1024 * 1024;

/**
 * The worker process: the whole other side of the pool. It answers messages one after another, in
 * their order, and ends when the server process has gone.
 */
const sessions = new Map<string, Session>();
/** How the dies of each warm session are run. */
const runners = new Map<string, PolicyRunner>();
const counters = new Map<string, DriftCounter>();

// A signal to the whole process group (Ctrl-C, a service manager) is for the server process, which
// lets the dies in flight finish and then ends its workers.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// Where cores are short the server process goes first: it needs microseconds for a socket or a probe, and a
// batch takes milliseconds whoever else waits.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const channel = new WorkerChannel();
channel.send({ type: 'started' });
for (let message = channel.receive(); message !== undefined; message = channel.receive()) {
  channel.send(await answer(message).catch(failed));
}
process.exit(0);

async function answer(message: ToWorker): Promise<FromWorker> {
  switch (message.type) {
    case 'open': {
      // The probes are needed until the warm-up; as they came, they are valid only until the next message.
      const spec = { ...message.spec, probes: message.spec.probes.slice() };
      const session = await Session.open(spec, message.intraOpThreads, message.model);
      // Asked for twice when the worker replaced another while the version was being opened everywhere.
      await closeSession(message.spec.key);
      sessions.set(message.spec.key, session);
      openCounter(message.spec);
      return { type: 'opened', key: message.spec.key, graph: session.graph };
    }
    case 'warm': {
      const { runner, report } = await warmUp(sessionOf(message.key), message.policy);
      runners.set(message.key, runner);
      letGoOfFiles();
      return { type: 'warmed', key: message.key, report };
    }
    case 'run':
      return run(message);
    case 'drift':
      return { type: 'drifted', key: message.key, ...toMessage(counters.get(message.key)?.take() ?? []) };
    case 'close':
      counters.delete(message.key);
      await closeSession(message.key);
      return { type: 'closed', key: message.key };
  }
}

async function run({
  key,
  dies,
  params,
  explain,
  groups,
}: Extract<ToWorker, { type: 'run' }>): Promise<FromWorker> {
  const runner = runners.get(key);
  if (runner === undefined) throw new Error(`no session is warm for ${key}`);
  const result = await runner.run(dies, params, explain);
  if (groups !== undefined)
    counters.get(key)?.count({ dies, params, rows: result.scores, groups }, performance.now());
  return { type: 'ran', ...result };
}

/** The spec's floats, as they came, are valid only until the next message. */
function openCounter({ key, drift }: SessionSpec): void {
  counters.delete(key);
  if (drift === undefined) return;
  const { counting, manifest } = drift;
  const kept = {
    ...counting,
    edges: counting.edges.slice(),
    means: counting.means.slice(),
    scales: counting.scales.slice(),
    scoreEdges: counting.scoreEdges.slice(),
  };
  counters.set(key, new DriftCounter(kept, createDecide(manifest), Math.random));
}

/**
 * The bytes of a large model file are garbage once its session is open, but V8, which sees a small heap, would keep them
 * for as long as the worker lives. Before a worker is warm no die waits for it.
 */
function letGoOfFiles(): void {
  if (process.memoryUsage().arrayBuffers > LARGE_FILE_BYTES) globalThis.gc?.();
}

async function closeSession(key: string): Promise<void> {
  const session = sessions.get(key);
  sessions.delete(key);
  runners.delete(key);
  await session?.close();
}

function sessionOf(key: string): Session {
  const session = sessions.get(key);
  if (session === undefined) throw new Error(`no session is open for ${key}`);
  return session;
}

function failed(error: unknown): FromWorker {
  return { type: 'failed', message: ortReason(error instanceof Error ? error.message : String(error)) };
}
