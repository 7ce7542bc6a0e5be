import './telemetry-off.js';
import { performance } from 'node:perf_hooks';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { GraphInfo, TensorInfo } from '../../models/manifest/graph.js';
import type { SessionSpec } from './messages.js';

/** The scores of one run. */
export interface RunResult {
  /** float32 [dies]. */
  readonly scores: Float32Array;
  /** float32 [dies, parameters] row-major, where asked for. */
  readonly contributions: Float32Array | undefined;
  readonly runMs: number;
}

/**
 * One model version in ONNX Runtime; the only module that loads it. Every run blocks the calling
 * thread, which is why it lives in a process of its own.
 */
export class Session {
  readonly spec: SessionSpec;
  readonly graph: GraphInfo;
  readonly #session: InferenceSession;
  readonly #scoreOnly: string[];
  readonly #scoreAndContributions: string[];

  private constructor(spec: SessionSpec, session: InferenceSession) {
    this.spec = spec;
    this.#session = session;
    this.graph = {
      inputs: session.inputMetadata.map(tensorInfo),
      outputs: session.outputMetadata.map(tensorInfo),
    };
    this.#scoreOnly = [spec.scoreName];
    this.#scoreAndContributions = [
      spec.scoreName,
      ...(spec.contributionsName === undefined ? [] : [spec.contributionsName]),
    ];
  }

  /**
   * Loads model.onnx. Threads do not spin: a spinning thread would take the core that the event loop
   * needs.
   * @throws the error of ONNX Runtime when the file is not a model that it can run
   */
  static async open(spec: SessionSpec, intraOpThreads: number): Promise<Session> {
    const session = await InferenceSession.create(spec.modelFile, {
      executionProviders: ['cpu'],
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    return new Session(spec, session);
  }

  /**
   * Scores `dies` rows.
   * @param params float32 [dies, parameters] row-major
   * @throws the error of ONNX Runtime, or an Error naming an output of another size or type
   */
  async run(dies: number, params: Float32Array, explain: boolean): Promise<RunResult> {
    const { inputName, scoreName, contributionsName, parameterCount } = this.spec;
    const feeds = { [inputName]: new Tensor('float32', params, [dies, parameterCount]) };
    const startedMs = performance.now();
    const outputs = await this.#session.run(feeds, explain ? this.#scoreAndContributions : this.#scoreOnly);
    const runMs = performance.now() - startedMs;
    return {
      scores: floats(outputs[scoreName], scoreName, dies),
      contributions:
        explain && contributionsName !== undefined
          ? floats(outputs[contributionsName], contributionsName, dies * parameterCount)
          : undefined,
      runMs,
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function floats(tensor: Tensor | undefined, name: string, length: number): Float32Array {
  const data = tensor?.data;
  if (!(data instanceof Float32Array))
    throw new Error(`output "${name}" is ${tensor?.type}, expected float32`);
  if (data.length !== length)
    throw new Error(`output "${name}" has ${data.length} values, expected ${length}`);
  return data;
}

function tensorInfo(value: InferenceSession.ValueMetadata): TensorInfo {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape.map((d) => d ?? '') }
    : { name: value.name, type: 'other', shape: [] };
}
