import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Prediction, PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { encodePrediction, encodePredictions } from '../../../src/doors/http/encode-predictions.js';
import { serializeByZod } from '../../../src/doors/http/zod-provider.js';

const contribution = fc.record({
  index: fc.nat(511),
  name: fc.string({ unit: 'binary', minLength: 1 }),
  value: fc.option(fc.float({ noNaN: true, noDefaultInfinity: true })),
  expected: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
});

// Labels and outputs have any name but this one, which the manifest does not allow.
const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__');
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const extra = fc.option(finite);

const prediction: fc.Arbitrary<Prediction> = fc.record(
  {
    die_id: fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }),
    prediction: fc.constantFrom('pass', 'fail'),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    anomaly_score: fc.float({ noNaN: true, noDefaultInfinity: true }),
    inference_time_ms: fc.double({ min: 0, max: 1e4, noNaN: true }),
    timestamp: fc.constant('2026-11-22T08:00:00.000Z'),
    model_name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
    model_version: fc.stringMatching(/^[1-9][0-9]{0,8}$/),
    label: key,
    probabilities: fc.dictionary(key, fc.double({ min: 0, max: 1, noNaN: true }), { maxKeys: 4 }),
    value: finite,
    unit: fc.string({ unit: 'binary', minLength: 1, maxLength: 32 }),
    outputs: fc.dictionary(key, fc.oneof(extra, fc.array(extra, { maxLength: 3 })), { maxKeys: 4 }),
    fallback: fc.constant(true as const),
    explanation: fc.array(contribution, { maxLength: 3 }),
  },
  {
    requiredKeys: [
      'die_id',
      'prediction',
      'confidence',
      'anomaly_score',
      'inference_time_ms',
      'timestamp',
      'model_name',
      'model_version',
    ],
  },
);

/** The serializer of the schema itself. */
function serializerOf(schema: typeof PredictionSchema | typeof PredictionsSchema) {
  return serializeByZod({ schema, method: 'POST', url: '/predict', httpStatus: '200' });
}

describe('a prediction by template', () => {
  it('is what the serializer of its schema writes, for any id, number and explanation', () => {
    const write = serializerOf(PredictionSchema);
    fc.assert(
      fc.property(prediction, (one) => {
        expect(JSON.parse(encodePrediction(one))).toEqual(JSON.parse(write(one)));
      }),
    );
  });

  it('holds for the answer to a batch call as well, in the order of its dies', () => {
    const write = serializerOf(PredictionsSchema);
    fc.assert(
      fc.property(fc.array(prediction, { minLength: 1, maxLength: 5 }), (predictions) => {
        const answer = { predictions, count: predictions.length };
        expect(JSON.parse(encodePredictions(answer))).toEqual(JSON.parse(write(answer)));
      }),
    );
  });
});
