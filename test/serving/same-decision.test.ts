import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withEngine } from '../../src/cli/score/engine.js';
import { versionAt } from '../../src/cli/version-at.js';
import { numbers } from '../support/dense-model.js';
import { attribute, node, onnxGraph, valueInfo, wholes } from '../support/graphs.js';
import { post, send } from '../support/http.js';
import { manifestOf } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { startApp } from '../support/start-app.js';

const WIDTH = 5;
const DIES = 40;

/** Graphs whose sums ONNX Runtime adds in another order where it is given more rows. */
const GRAPHS = {
  'a sum of a few columns': onnxGraph({
    inputs: [valueInfo('test_params', [WIDTH])],
    outputs: [valueInfo('anomaly_score', [])],
    initializers: [wholes('one', [1])],
    nodes: [node('ReduceSum', ['test_params', 'one'], ['anomaly_score'], [attribute('keepdims', { i: 0 })])],
  }),
  'a linear model': onnxGraph({
    inputs: [valueInfo('test_params', [WIDTH])],
    outputs: [valueInfo('anomaly_score', [1])],
    nodes: [
      node(
        'LinearRegressor',
        ['test_params'],
        ['anomaly_score'],
        [
          attribute('coefficients', { floats: [0.1, 0.7, -1.3, 2.1, -0.9] }),
          attribute('intercepts', { floats: [0.3] }),
        ],
        'ai.onnx.ml',
      ),
    ],
  }),
};

function versionOf(onnx: Uint8Array) {
  const manifest = manifestOf(onnx, WIDTH, {
    name: 'sums',
    sha256: createHash('sha256').update(onnx).digest('hex'),
    calibration: { method: 'logistic-score', slope: 1, intercept: 0, basis: 'nominal' },
  });
  return { onnx, manifest };
}

const ScoreSchema = z.looseObject({ anomaly_score: z.number() });

describe('a version that depends on its batch', () => {
  it.each(Object.entries(GRAPHS))(
    '%s: is run the same way by a server and by the commands without one, to the last bit',
    async (_, onnx) => {
      const { url, repository } = await startApp({ versions: [versionOf(onnx)] });
      const detail = await send(`${url}/models/sums/versions/1`);
      expect(JSON.parse(detail.body).batch_policy).toMatchObject({
        kind: expect.stringMatching(/^(padded|single)$/),
        reason: 'rounding',
      });

      const rows = Float32Array.from({ length: DIES * WIDTH }, numbers(7));
      const rowOf = (die: number) => rows.slice(die * WIDTH, (die + 1) * WIDTH);
      const served: number[] = [];
      for (let die = 0; die < DIES; die++) {
        const body = JSON.stringify({ die_id: `d${die}`, test_params: [...rowOf(die)] });
        const answer = await post(`${url}/predict`, body, { 'content-type': 'application/json' });
        served.push(ScoreSchema.parse(JSON.parse(answer.body)).anomaly_score);
      }
      const version = await versionAt(`${repository}/sums/1`);
      const offline = await withEngine({ version, workerEntry: WORKER }, (engine) =>
        engine.score(rows, false),
      );
      expect(offline.map((die) => die.kind === 'scored' && die.row[0])).toEqual(served);
    },
  );
});
