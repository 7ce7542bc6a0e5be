import './telemetry-off.js';
import { performance } from 'node:perf_hooks';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import type { GraphInfo, TensorInfo } from '../../models/manifest/graph.js';
import { createFeeds, type MakeFeeds } from './feeds.js';
import type { SessionSpec } from './messages.js';
import type { KeptModel } from './model-bytes.js';
import { readModelFiles } from './model-files.js';
import { numbers, outputRows, squaredErrors } from './output-rows.js';

/** The scores of one run. */
export interface RunResult {
  /** float32 [dies, outputs] row-major: the values of every fetched output, one die after another. */
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
  readonly #names: string[];
  readonly #namesToExplain: string[];
  readonly #feedsOf: MakeFeeds<Tensor>;

  private constructor(spec: SessionSpec, session: InferenceSession) {
    this.spec = { ...spec, outputs: spec.outputs.map(kept) };
    this.#session = session;
    this.graph = {
      inputs: session.inputMetadata.map(tensorInfo),
      outputs: session.outputMetadata.map(tensorInfo),
    };
    this.#feedsOf = createFeeds(
      spec.inputs,
      spec.parameterCount,
      (type, data, dims) => new Tensor(type, data, dims),
    );
    this.#names = spec.outputs.map(({ name }) => name);
    this.#namesToExplain = [
      ...this.#names,
      ...(spec.contributionsName === undefined ? [] : [spec.contributionsName]),
    ];
  }

  /**
   * Loads model.onnx: the very bytes that were checked, whatever becomes of the file. Threads do not spin:
   * a spinning thread would take the core that the event loop needs.
   * @param kept the bytes of its files, where they are at hand; else they are read
   * @throws the error of ONNX Runtime when the file is not a model that it can run, or an Error where it
   * cannot be read or is not the one that was asked for
   */
  static async open(spec: SessionSpec, intraOpThreads: number, kept?: KeptModel): Promise<Session> {
    const { graph, externalData } = await readModelFiles(spec, kept);
    try {
      const session = await InferenceSession.create(graph, {
        externalData,
        executionProviders: ['cpu'],
        intraOpNumThreads: intraOpThreads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // What it finds wrong is thrown as well, and told once, in words for people.
        logSeverityLevel: 4,
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return new Session(spec, session);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('protobuf parsing failed'))) throw error;
      throw new Error('model.onnx is no ONNX model: its bytes are no protobuf, or end early', {
        cause: error,
      });
    }
  }

  /**
   * Scores `dies` rows.
   * @param params float32 [dies, parameters] row-major
   * @throws the error of ONNX Runtime, or an Error naming an output of another size or type
   */
  async run(dies: number, params: Float32Array, explain: boolean): Promise<RunResult> {
    const { outputs: wanted } = this.spec;
    const feeds = this.#feedsOf(dies, params);
    const startedMs = performance.now();
    const outputs = await this.#session.run(feeds, explain ? this.#namesToExplain : this.#names);
    const runMs = performance.now() - startedMs;
    return {
      scores: rowsOf(wanted, outputs, dies, params),
      contributions: explain ? this.#contributions(outputs, dies, params) : undefined,
      runMs,
    };
  }

  /** Of an output of the graph, or, of an autoencoder, of its error. */
  #contributions(
    outputs: InferenceSession.OnnxValueMapType,
    dies: number,
    params: Float32Array,
  ): Float32Array | undefined {
    const { contributionsName: name, parameterCount, outputs: wanted } = this.spec;
    const length = dies * parameterCount;
    if (name !== undefined) return numbers(outputs[name], name, length);
    const [deciding] = wanted;
    if (deciding?.reconstructs === undefined) return undefined;
    return squaredErrors(
      numbers(outputs[deciding.name], deciding.name, length),
      params,
      deciding.reconstructs,
    );
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** An output's floats, as they came, are valid only until the next message. */
function kept(output: FetchedOutput): FetchedOutput {
  return output.reconstructs === undefined
    ? output
    : { ...output, reconstructs: output.reconstructs.slice() };
}

/** The outputs side by side: a row for each die. A single output is already that. */
function rowsOf(
  wanted: readonly FetchedOutput[],
  outputs: InferenceSession.OnnxValueMapType,
  dies: number,
  params: Float32Array,
): Float32Array {
  const columns = wanted.map((output) => ({
    size: output.size,
    data: outputRows(output, outputs[output.name], dies, params),
  }));
  const [only] = columns;
  if (only !== undefined && columns.length === 1) return only.data;
  const width = columns.reduce((sum, { size }) => sum + size, 0);
  const rows = new Float32Array(dies * width);
  let offset = 0;
  for (const { size, data } of columns) {
    for (let die = 0; die < dies; die++)
      rows.set(data.subarray(die * size, (die + 1) * size), die * width + offset);
    offset += size;
  }
  return rows;
}

function tensorInfo(value: InferenceSession.ValueMetadata): TensorInfo {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape.map((d) => d ?? '') }
    : { name: value.name, type: 'other', shape: [] };
}
