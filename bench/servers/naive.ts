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

async function predict(die: z.infer<typeof dieSchema>) {
  const startedMs = performance.now();
  const input: Tensor = new ort.Tensor('float32', Float32Array.from(die.test_params), [1, parameterCount]);
  const outputs = await session.run({ [manifest.input.name]: input }, [manifest.outputs.score]);
  const score = Number(outputs[manifest.outputs.score]?.data[0]);
  return {
    die_id: die.die_id,
    prediction: score > manifest.threshold ? 'fail' : 'pass',
    confidence: 1 / (1 + Math.exp(-score)),
    anomaly_score: score,
    inference_time_ms: performance.now() - startedMs,
    timestamp: new Date().toISOString(),
    model_name: manifest.name,
    model_version: manifest.version,
  };
}

const app = Fastify({ bodyLimit: 64 * 1024 * 1024 });
app.post('/predict', async (request, reply) => {
  const parsed = dieSchema.safeParse(request.body);
  if (!parsed.success) return reply.code(422).send(parsed.error.issues);
  return predict(parsed.data);
});
app.post('/predict/batch', async (request, reply) => {
  const parsed = z.array(dieSchema).safeParse(request.body);
  if (!parsed.success) return reply.code(422).send(parsed.error.issues);
  const predictions = [];
  for (const die of parsed.data) predictions.push(await predict(die));
  return { predictions, count: predictions.length };
});
app.get('/health', async () => ({ status: 'ok' }));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
process.on('disconnect', () => process.exit(0));
