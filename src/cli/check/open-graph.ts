import { Fault } from '../../errors.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import type { SessionSpec, WarmUpReport } from '../../serving/workers/messages.js';
import { withWorkerPool } from '../worker-pool.js';

/** Ends the opening of a session once its graph has been seen: there is nothing to run it with yet. */
class GraphSeen extends Error {
  readonly graph: GraphInfo;

  constructor(graph: GraphInfo) {
    super('the graph has been seen');
    this.graph = graph;
  }
}

/**
 * The inputs and outputs of a model file, opened in a worker process: a file that crashes ONNX Runtime
 * harms nobody.
 * @param modelFile absolute path
 * @throws Fault `invalid_model` with the reason in one line
 */
export async function graphOf(modelFile: string, workerEntry?: string | undefined): Promise<GraphInfo> {
  const nothingToRun: SessionSpec = {
    key: 'checked',
    modelFile,
    inputs: [],
    parameterCount: 1,
    outputs: [],
    contributionsName: undefined,
    maxBatchSize: 1,
    probes: new Float32Array(1),
  };
  try {
    await withWorkerPool(
      (pool) =>
        pool.open(nothingToRun, (graph) => {
          throw new GraphSeen(graph);
        }),
      workerEntry,
    );
  } catch (error) {
    if (error instanceof GraphSeen) return error.graph;
    throw cannotRun(modelFile, error);
  }
  throw new Error('a session was opened without a look at its graph');
}

/**
 * What the warm-up of a model file shows.
 * @param check called with the graph before anything is run; may throw a Fault, which is passed on
 * @throws Fault `invalid_model` with the reason in one line
 */
export async function warmUpOf(
  spec: SessionSpec,
  check: (graph: GraphInfo) => void,
  workerEntry?: string | undefined,
): Promise<WarmUpReport> {
  try {
    return await withWorkerPool(async (pool) => (await pool.open(spec, check)).report, workerEntry);
  } catch (error) {
    throw cannotRun(spec.modelFile, error);
  }
}

export function cannotRun(modelFile: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new Fault('invalid_model', [`${modelFile} cannot be run: ${reason}`], error);
}
