import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Prediction } from '../../../../src/die/prediction.js';
import { encodeInferAnswer } from '../../../../src/doors/http/oip/encode-answer.js';
import { ManifestSchema } from '../../../../src/models/manifest/manifest.js';
import { outputsOf } from '../../../../src/oip/outputs.js';
import { InferAnswerSchema } from '../../../../src/oip/schemas.js';
import { manifestOf } from '../../../support/models.js';
import { predictionOf, screenVersion, tensorsOf } from './support.js';

const version = screenVersion();
const results = (rows: readonly (readonly number[])[]) => ({
  predictions: rows.map((row, i) => predictionOf(`d${i}`, Float32Array.from(row))),
  contributions: Float32Array.from(rows.flat()),
});
const ask = (names: readonly string[], binary: boolean) =>
  version.outputs.filter(({ name }) => names.includes(name)).map((output) => ({ output, binary }));
const ALL = ['anomaly_score', 'prediction', 'confidence', 'contributions'];

describe('an answer', () => {
  const rows = [
    [0.5, 0, 0, 0.25],
    [1, 1, 0, 0],
  ];

  test('in JSON has every value in its place, and the id that was sent', () => {
    const { body, jsonBytes } = encodeInferAnswer(version, 'q', ask(ALL, false), results(rows));
    expect(jsonBytes).toBeUndefined();
    expect(InferAnswerSchema.strict().parse(JSON.parse(body.toString()))).toEqual({
      model_name: 'screen',
      model_version: '1',
      id: 'q',
      outputs: [
        { name: 'anomaly_score', datatype: 'FP32', shape: [2], data: [0.75, 2] },
        { name: 'prediction', datatype: 'BYTES', shape: [2], data: ['pass', 'fail'] },
        { name: 'confidence', datatype: 'FP32', shape: [2], data: [0.75, 0.75] },
        { name: 'contributions', datatype: 'FP32', shape: [2, 4], data: rows.flat() },
      ],
    });
  });

  test('names the version that answered, which a split may have chosen, and says when a fallback did', () => {
    const answerOf = (changes: readonly Partial<Prediction>[]) => {
      const { predictions } = results(rows);
      const changed = predictions.map((prediction, i) => ({ ...prediction, ...changes[i] }));
      const { body } = encodeInferAnswer(version, undefined, ask(ALL.slice(0, 1), false), {
        predictions: changed,
      });
      return InferAnswerSchema.strict().parse(JSON.parse(body.toString()));
    };
    const second = { model_version: '2' };
    expect(answerOf([second, second])).toMatchObject({ model_version: '2' });
    expect(answerOf([second, {}]), 'of several, none is true').not.toHaveProperty('model_version');
    expect(answerOf([])).not.toHaveProperty('parameters');
    expect(answerOf([{}, { fallback: true }])).toMatchObject({ parameters: { fallback: true } });
  });

  test('in binary has the bytes behind the JSON, in the order of the outputs', () => {
    const { body, jsonBytes = 0 } = encodeInferAnswer(
      version,
      undefined,
      ask(ALL.slice(0, 2), true),
      results(rows),
    );
    expect(JSON.parse(body.toString('utf8', 0, jsonBytes))).toEqual({
      model_name: 'screen',
      model_version: '1',
      outputs: [
        { name: 'anomaly_score', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } },
        { name: 'prediction', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 16 } },
      ],
    });
    expect(body.subarray(jsonBytes).toString('hex')).toBe(
      `${'0000403f'}${'00000040'}${'04000000'}${Buffer.from('pass').toString('hex')}${'04000000'}${Buffer.from('fail').toString('hex')}`,
    );
  });

  test('has null in JSON for a number that is not finite, and its own bits in binary', () => {
    const odd = { ...results([[0, 0, 0, 0]]), contributions: Float32Array.of(Number.NaN, 1, 2, 3) };
    const plain = encodeInferAnswer(version, undefined, ask(['contributions'], false), odd);
    expect(JSON.parse(plain.body.toString()).outputs[0].data).toEqual([null, 1, 2, 3]);
    const { body, jsonBytes } = encodeInferAnswer(version, undefined, ask(['contributions'], true), odd);
    expect(tensorsOf(body, String(jsonBytes)).get('contributions')).toEqual([Number.NaN, 1, 2, 3]);
  });

  test('is the same values whatever form each output has', () => {
    const value = fc.float({ noNaN: true, min: -1000, max: 1000 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, value, value, value), { minLength: 1, maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        (dies, forms) => {
          const requested = version.outputs.map((output, i) => ({ output, binary: forms[i] === true }));
          const { body, jsonBytes } = encodeInferAnswer(version, 'q', requested, results(dies));
          const plain = encodeInferAnswer(version, 'q', ask(ALL, false), results(dies));
          const read = tensorsOf(body, jsonBytes === undefined ? null : String(jsonBytes));
          for (const [name, expected] of tensorsOf(plain.body, null)) {
            // JSON has no -0.
            expect(read.get(name)?.map((one) => (one === 0 ? 0 : one))).toEqual(expected);
          }
        },
      ),
    );
  });
});

describe('the outputs of an anomaly screen', () => {
  const named = (score: string) =>
    outputsOf(
      ManifestSchema.parse(manifestOf(new Uint8Array(), 4, { name: 'screen', outputs: { score } })),
    ).map(({ name }) => name);

  test('are its score by its own name, the label and the confidence', () => {
    expect(named('t2')).toEqual(['t2', 'prediction', 'confidence', 'model_version']);
  });

  test("where two have one name, it is the graph's", () => {
    expect(named('confidence')).toEqual(['confidence', 'prediction', 'model_version']);
  });
});
