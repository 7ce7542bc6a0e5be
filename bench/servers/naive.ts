process.env.ORT_DISABLE_TELEMETRY = '1';

import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';

/**
 * The naive peer, as one would write it in an afternoon: Fastify's JSON parser, a zod schema, and one
 * `session.run` for each request on the main thread. Without logs and metrics, which is in its favour.
 */
const folder = process.env.MODEL_FOLDER ?? '';
const manifest = z
  .object({
    name: z.string(),
    version: z.string(),
    threshold: z.number(),
    input: z.object({ name: z.string(), parameters: z.union([z.number(), z.array(z.unknown())]) }),
    outputs: z.object({ score: z.string() }),
  })
  .parse(JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')));
const { parameters } = manifest.input;
const parameterCount = typeof parameters === 'number' ? parameters : parameters.length;

const dieSchema = z.object({
  die_id: z.string().min(1).max(128),
  test_params: z.array(z.number()).length(parameterCount),
});

// After the variable above is set: importing loads the library.
const ort = await import('onnxruntime-node');
const session: InferenceSession = await ort.InferenceSession.create(`${folder}/model.onnx`, {
  intraOpNumThreads: 1,
});

async function predict(ids: readonly string[], values: Float32Array) {
  const startedMs = performance.now();
  const input: Tensor = new ort.Tensor('float32', values, [ids.length, parameterCount]);
  const outputs = await session.run({ [manifest.input.name]: input }, [manifest.outputs.score]);
  return ids.map((id, i) => {
    const score = Number(outputs[manifest.outputs.score]?.data[i]);
    return {
      die_id: id,
      prediction: score > manifest.threshold ? 'fail' : 'pass',
      confidence: 1 / (1 + Math.exp(-score)),
      anomaly_score: score,
      inference_time_ms: performance.now() - startedMs,
      timestamp: new Date().toISOString(),
      model_name: manifest.name,
      model_version: manifest.version,
    };
  });
}

const app = Fastify({ bodyLimit: 64 * 1024 * 1024 });
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
  done(null, body),
);
app.post('/predict', async (request, reply) => {
  if (Buffer.isBuffer(request.body))
    return (await predict([String(request.headers['x-die-id'])], floatsOf(request.body)))[0];
  const parsed = dieSchema.safeParse(request.body);
  if (!parsed.success) return reply.code(422).send(parsed.error.issues);
  return (await predict([parsed.data.die_id], Float32Array.from(parsed.data.test_params)))[0];
});
app.post('/predict/batch', async (request, reply) => {
  if (Buffer.isBuffer(request.body)) {
    const ids = String(request.headers['x-die-ids']).split(',');
    return { predictions: await predict(ids, floatsOf(request.body)), count: ids.length };
  }
  const parsed = z.array(dieSchema).safeParse(request.body);
  if (!parsed.success) return reply.code(422).send(parsed.error.issues);
  const values = new Float32Array(parsed.data.length * parameterCount);
  parsed.data.forEach((die, i) => {
    values.set(die.test_params, i * parameterCount);
  });
  const predictions = await predict(
    parsed.data.map((die) => die.die_id),
    values,
  );
  return { predictions, count: predictions.length };
});
app.get('/health', async () => ({ status: 'ok' }));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
process.on('disconnect', () => process.exit(0));

/** A copy at the start of memory of its own: float32 has to begin at a multiple of four. */
function floatsOf(body: Buffer): Float32Array {
  return new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
}
