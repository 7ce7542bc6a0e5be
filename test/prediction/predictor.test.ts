import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { createModelVersion } from '../../src/models/model-version.js';
import {
  type Predicted,
  type PredictionRequest,
  Predictor,
  type PredictorOptions,
  type Scorer,
} from '../../src/prediction/predictor.js';
import type { ScoredDies } from '../../src/serving/batching/call.js';
import { FakeClock } from '../support/fake-clock.js';
import { type ManifestInput, sumVersion } from '../support/models.js';

type Submitted = Parameters<Scorer['submit']>[1] & { readonly key: string };

/** A predictor whose scores are made up. */
function bench(scored: Partial<ScoredDies> | Refusal, options: Partial<PredictorOptions> = {}) {
  const clock = new FakeClock();
  const submitted: Submitted[] = [];
  const scorer: Scorer = {
    submit: async (key, call) => {
      submitted.push({ key, ...call });
      await clock.advance(12);
      if (scored instanceof Refusal) throw scored;
      return {
        scores: new Float32Array(call.dies),
        runMs: Array<number>(call.dies).fill(0),
        contributions: undefined,
        ...scored,
      };
    },
  };
  const predicted: Predicted[] = [];
  const predictor = new Predictor({
    scorer,
    clock,
    observers: [(p) => predicted.push(p)],
    onObserverError: () => {},
    ...options,
  });
  return { clock, predictor, submitted, predicted };
}

const versionOf = (changes: Partial<ManifestInput> = {}) =>
  createModelVersion(ManifestSchema.parse(sumVersion(2, changes).manifest), undefined, '/none');

function requestFor(clock: FakeClock, changes: Partial<PredictionRequest> = {}): PredictionRequest {
  return {
    requestId: 'r1',
    version: versionOf(),
    measurements: {
      labels: [{ die_id: 'a' }, { die_id: 'b' }],
      params: Float32Array.of(1, 2, Number.NaN, 4),
    },
    lane: 'bulk',
    receivedAtMs: clock.nowMs(),
    deadlineMs: undefined,
    explain: 0,
    ...changes,
  };
}

describe('the way of a measurement to its prediction', () => {
  it('gives every die its own decision, in the order sent', async () => {
    const { clock, predictor } = bench({
      scores: Float32Array.of(0.5, 3),
      runMs: [0.12345, 2],
    });
    const predictions = await predictor.predict(requestFor(clock));
    expect(predictions).toEqual([
      {
        die_id: 'a',
        prediction: 'pass',
        confidence: 0.666667,
        anomaly_score: 0.5,
        inference_time_ms: 0.123,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        model_name: 'sum',
        model_version: '1',
      },
      expect.objectContaining({
        die_id: 'b',
        prediction: 'fail',
        confidence: 0.75,
        anomaly_score: 3,
      }),
    ]);
  });

  it('hands the dies to the queue of their version as they are', async () => {
    const { clock, predictor, submitted } = bench({});
    const onGone = () => {};
    const request = requestFor(clock, { onGone });
    await predictor.predict(request);
    expect(submitted).toMatchObject([{ key: 'sum/1', dies: 2, lane: 'bulk', explain: false }]);
    expect(submitted[0]?.params).toBe(request.measurements.params);
    expect(submitted[0]?.onGone).toBe(onGone);
  });

  it("counts the caller's deadline from the arrival of the request, the version's from when its dies were read", async () => {
    const { clock, predictor, submitted } = bench({});
    const receivedAtMs = clock.nowMs() - 30;
    const version = versionOf({ batching: { defaultDeadlineMs: 250 } });
    await predictor.predict(requestFor(clock, { receivedAtMs, version }));
    await predictor.predict(requestFor(clock, { receivedAtMs, version, deadlineMs: 40 }));
    expect(submitted.map(({ deadlineAtMs }) => deadlineAtMs - receivedAtMs)).toEqual([30 + 250, 40]);
  });

  it('refuses to explain more parameters in one call than an answer can hold', async () => {
    const { clock, predictor, submitted } = bench({});
    await expect(predictor.predict(requestFor(clock, { explain: 40_000 }))).rejects.toMatchObject({
      code: 'invalid_input',
      faults: [{ path: 'explain', message: expect.stringContaining('found 2 dies × 40000') }],
    });
    expect(submitted).toEqual([]);
  });

  it("lets the queue's refusal through as it is, and tells no observer", async () => {
    const refusal = new Refusal('queue_full', 'full');
    const { clock, predictor, predicted } = bench(refusal);
    await expect(predictor.predict(requestFor(clock))).rejects.toBe(refusal);
    expect(predicted).toEqual([]);
  });

  it('a score that is not a number refuses the request and names the die', async () => {
    const { clock, predictor, predicted } = bench({ scores: Float32Array.of(1, Number.NaN) });
    await expect(predictor.predict(requestFor(clock))).rejects.toMatchObject({
      code: 'unscorable_die',
      status: 422,
      message:
        'die "b" keeps the contract, but sum/1 gives it the score NaN, expected a finite number: a fault of the model, not of the request',
    });
    expect(predicted).toEqual([]);
  });
});

describe('explanations', () => {
  it('are made for every die from its own row, where they are asked for', async () => {
    const { clock, predictor, submitted } = bench({ contributions: Float32Array.of(1, 3, 4, 0) });
    const [a, b] = await predictor.predict(requestFor(clock, { explain: 1 }));
    expect(submitted[0]?.explain).toBe(true);
    expect(a?.explanation).toEqual([{ index: 1, name: '1', value: 2, expected: null, share: 0.75 }]);
    expect(b?.explanation).toEqual([{ index: 0, name: '0', value: null, expected: null, share: 1 }]);
  });

  it('are refused by a version without contributions, before anything is queued', async () => {
    const { clock, predictor, submitted } = bench({});
    const version = versionOf({ outputs: { score: 'anomaly_score' } });
    await expect(predictor.predict(requestFor(clock, { version, explain: 3 }))).rejects.toMatchObject({
      code: 'invalid_input',
      faults: [
        { path: 'explain', message: 'sum/1 has no contributions output, so it cannot explain a decision' },
      ],
    });
    expect(submitted).toEqual([]);
  });
});

describe('observers of predictions', () => {
  it('are told of the finished request and of its latency', async () => {
    const { clock, predictor, predicted } = bench({});
    const request = requestFor(clock);
    const predictions = await predictor.predict(request);
    const { version, measurements } = request;
    const fallback = undefined;
    expect(predicted).toEqual([{ request, version, measurements, predictions, latencyMs: 12, fallback }]);
  });

  it('that throw harm neither the die nor the other observers', async () => {
    const fault = new Error('no disk');
    const errors: unknown[] = [];
    const told: Predicted[] = [];
    const { clock, predictor } = bench(
      {},
      {
        observers: [
          () => {
            throw fault;
          },
          (predicted) => told.push(predicted),
        ],
        onObserverError: (error) => errors.push(error),
      },
    );
    expect(await predictor.predict(requestFor(clock))).toHaveLength(2);
    expect([errors, told.length]).toEqual([[fault], 1]);
  });
});
