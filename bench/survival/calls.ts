import { z } from 'zod';
import { ADMIN_KEY } from './repository.js';

const AnswerSchema = z.object({
  prediction: z.string(),
  confidence: z.number(),
  anomaly_score: z.number(),
  timestamp: z.string(),
  model_version: z.string(),
});

/** A prediction, as far as two of them can be compared. */
export type Predicted = z.infer<typeof AnswerSchema>;

/** One call with a connection of its own and the admin key: its status and body. */
export async function call(
  url: string,
  method: 'GET' | 'POST' = 'GET',
  body?: string,
): Promise<{ status: number; body: string }> {
  const answer = await fetch(url, {
    method,
    headers: {
      'x-api-key': ADMIN_KEY,
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, body: await answer.text() };
}

/** What a server answers to its model's example die. */
export async function predictExample(url: string, model: string): Promise<Predicted> {
  const example = await call(`${url}/models/${model}/example`);
  const { status, body } = await call(`${url}/predict`, 'POST', example.body);
  if (status !== 200) throw new Error(`the example die was answered with ${status}: ${body}`);
  return AnswerSchema.parse(JSON.parse(body));
}

/** Whether two predictions say the same to the last bit. */
export function sameBits(a: Predicted, b: Predicted): boolean {
  return (
    a.prediction === b.prediction &&
    Object.is(a.anomaly_score, b.anomaly_score) &&
    Object.is(a.confidence, b.confidence)
  );
}
