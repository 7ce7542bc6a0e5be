import { InferenceSession, Tensor } from 'onnxruntime-node';

/** What a model file gives for measurements, run in batches of `batch` dies on one thread. */
export async function runWithOrt(modelFile: string, params: Float32Array, parameters: number, batch = 64) {
  const session = await InferenceSession.create(modelFile, {
    intraOpNumThreads: 1,
    executionMode: 'sequential',
  });
  const dies = params.length / parameters;
  const scores = new Float32Array(dies);
  const contributions = new Float32Array(params.length);
  for (let from = 0; from < dies; from += batch) {
    const to = Math.min(dies, from + batch);
    const rows = params.slice(from * parameters, to * parameters);
    const outputs = await session.run({ test_params: new Tensor('float32', rows, [to - from, parameters]) });
    scores.set(floats(outputs.anomaly_score), from);
    contributions.set(floats(outputs.contributions), from * parameters);
  }
  return { scores, contributions };
}

/** A ScoreDies port for a model of the given width. */
export function scoreWithOrt(parameters: number) {
  return async (modelFile: string, params: Float32Array) =>
    (await runWithOrt(modelFile, params, parameters)).scores;
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error('expected a float32 output');
  return tensor.data;
}
