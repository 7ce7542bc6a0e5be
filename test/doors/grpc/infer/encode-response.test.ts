import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeStreamResponse, ResponseEncoder } from '../../../../src/doors/grpc/infer/encode-response.js';
import {
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from '../../../../src/doors/grpc/messages/inference-messages.js';
import { predictionOf, screenVersion } from '../../http/oip/support.js';

const anyId = fc.oneof(
  fc.constant(''),
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

test('the answer to one die is the same, byte by byte, by the quick way and by the writer of fields', () => {
  const encoder = new ResponseEncoder();
  const version = screenVersion();
  const unasked = encoder.unasked(version);
  fc.assert(
    fc.property(anyId, fc.float(), fc.constantFrom('1', '2'), (id, value, model_version) => {
      const prediction = { ...predictionOf('d', Float32Array.of(value)), model_version };
      const results = { predictions: [prediction] };
      const head = { model: 'screen', id, isTyped: false };
      const quick = encoder.encode(head, version, unasked, results);
      const plain = encoder.encode(head, version, [...unasked], results);
      expect(Buffer.from(quick).equals(Buffer.from(plain))).toBe(true);
      const inferResponse = fromBinary(ModelInferResponseSchema, quick);
      expect(inferResponse.modelVersion).toBe(model_version);
      const around = toBinary(
        ModelStreamInferResponseSchema,
        create(ModelStreamInferResponseSchema, { inferResponse }),
      );
      expect(Buffer.from(encodeStreamResponse(quick)).equals(Buffer.from(around))).toBe(true);
    }),
  );
});
