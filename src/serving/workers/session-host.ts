import { hash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type CountsMessage, DriftCounter, toMessage } from '../../drift/drift-counter.js';
import type { BatchPolicy } from '../../models/batch-policy.js';
import { createDecide } from '../../models/decision/decide.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import type { SessionSpec, ToWorker, WarmUpReport } from './messages.js';
import type { KeptModel } from './model-bytes.js';
import type { PolicyRunner } from './run-rows.js';
import { type RunResult, Session } from './session.js';
import { warmUp } from './warm-up.js';

/**
 * The versions that one process has open: their sessions, how the dies of each are run, and what is counted of their
 * drift. What it is given need not stay valid once a call has returned.
 */
export class SessionHost {
  readonly #sessions = new Map<string, Session>();
  /** How the dies of each warm session are run. */
  readonly #runners = new Map<string, PolicyRunner>();
  readonly #counters = new Map<string, DriftCounter>();

  /**
   * Opens a version; one of the same key that is open is closed for it.
   * @throws as `Session.open`
   */
  async open(spec: SessionSpec, intraOpThreads: number, model?: KeptModel): Promise<GraphInfo> {
    // The probes are needed until the warm-up.
    const kept = { ...spec, probes: spec.probes.slice() };
    const counter = counterOf(spec);
    const session = await Session.open(kept, intraOpThreads, model);
    // Asked for twice when a worker replaced another while the version was being opened everywhere.
    await this.close(spec.key);
    this.#sessions.set(spec.key, session);
    if (counter !== undefined) this.#counters.set(spec.key, counter);
    return session.graph;
  }

  /** @param policy what another process has found; undefined for the first, which finds it */
  async warm(key: string, policy: BatchPolicy | undefined): Promise<WarmUpReport> {
    const session = this.#sessions.get(key);
    if (session === undefined) throw new Error(`no session is open for ${key}`);
    const { runner, report } = await warmUp(session, policy);
    this.#runners.set(key, runner);
    return report;
  }

  /**
   * Scores a batch, and counts its dies where they have groups.
   * @param batch its params at 16 bytes in memory, where its version is run in batches of any size
   * @throws the error of ONNX Runtime, or an Error naming what is not open or not as it should be
   */
  async run({ key, dies, params, explain, groups, hashesRows }: Batch): Promise<HashedResult> {
    const runner = this.#runners.get(key);
    if (runner === undefined) throw new Error(`no session is warm for ${key}`);
    const result = await runner.run(dies, params, explain);
    if (groups !== undefined)
      this.#counters.get(key)?.count({ dies, params, rows: result.scores, groups }, performance.now());
    // Here, where the row is at hand: the server process would have to copy each for it.
    return hashesRows === true ? { ...result, rowHashes: hashesOfRows(dies, params) } : result;
  }

  /** Hands over what was counted of a version since the last time. */
  takeDrift(key: string): CountsMessage {
    return toMessage(this.#counters.get(key)?.take() ?? []);
  }

  /** Closes a version; does nothing where it is not open. */
  async close(key: string): Promise<void> {
    const session = this.#sessions.get(key);
    this.#counters.delete(key);
    this.#sessions.delete(key);
    this.#runners.delete(key);
    await session?.close();
  }
}

/** A result, and SHA-256 of each row where it was asked for: [dies × 32] bytes, as floats. */
interface HashedResult extends RunResult {
  readonly rowHashes?: Float32Array;
}

const HASH_BYTES = 32;

/** SHA-256 of each row as it lies in memory, as floats of the same bytes. */
function hashesOfRows(dies: number, { buffer, byteOffset, byteLength }: Float32Array): Float32Array {
  const rows = Buffer.from(buffer, byteOffset, byteLength);
  const width = byteLength / dies;
  const hashes = Buffer.alloc(dies * HASH_BYTES);
  for (let die = 0; die < dies; die++) {
    const digest = hash('sha256', rows.subarray(die * width, (die + 1) * width), 'binary');
    hashes.write(digest, die * HASH_BYTES, 'latin1');
  }
  return new Float32Array(hashes.buffer, hashes.byteOffset, hashes.length / Float32Array.BYTES_PER_ELEMENT);
}

type Batch = Omit<Extract<ToWorker, { type: 'run' }>, 'type'>;

function counterOf({ drift }: SessionSpec): DriftCounter | undefined {
  if (drift === undefined) return undefined;
  const { counting, manifest } = drift;
  const kept = {
    ...counting,
    edges: counting.edges.slice(),
    means: counting.means.slice(),
    scales: counting.scales.slice(),
    scoreEdges: counting.scoreEdges.slice(),
  };
  return new DriftCounter(kept, createDecide(manifest), Math.random);
}
