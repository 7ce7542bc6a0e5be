import type { Registry } from 'prom-client';
import type { ModelVersion } from '../../models/model-version.js';
import type { PredictionObserver } from '../../prediction/predictor.js';
import { remember, SeriesCounter, SeriesHistogram } from './series.js';

/** Latency buckets of a prediction, seconds: 0.5 ms to 1 s; alerts ask at 20 and at 50 ms. */
export const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const SCORE_BUCKETS = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 5, 10];
const CONFIDENCE_BUCKETS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999];

/**
 * Metrics of finished predictions. The latency of a traced request is its bucket's exemplar.
 * @param nowMs milliseconds since 1970
 */
export function createPredictionMetrics(
  registry: Registry,
  nowMs: () => number = Date.now,
): PredictionObserver {
  const registers = [registry];
  const predictions = new SeriesCounter({
    name: 'predictions_total',
    help: 'Dies decided',
    labelNames: ['model_name', 'model_version', 'prediction'],
    registers,
  });
  const latency = new SeriesHistogram({
    name: 'prediction_latency_seconds',
    help: 'Time from the arrival of a prediction request to its decision',
    labelNames: ['model_name', 'model_version'],
    buckets: LATENCY_BUCKETS_S,
    registers,
  });
  const score = new SeriesHistogram({
    name: 'anomaly_score',
    help: "The model's score of a die",
    labelNames: ['model_name', 'model_version'],
    buckets: SCORE_BUCKETS,
    registers,
  });
  const confidence = new SeriesHistogram({
    name: 'prediction_confidence',
    help: 'Calibrated probability that a decision is right',
    labelNames: ['model_name', 'model_version'],
    buckets: CONFIDENCE_BUCKETS,
    registers,
  });
  const seriesOf = remember(({ name, version }: ModelVersion) => {
    const labels = { model_name: name, model_version: version };
    return {
      pass: predictions.series({ ...labels, prediction: 'pass' }),
      fail: predictions.series({ ...labels, prediction: 'fail' }),
      latency: latency.series(labels),
      score: score.series(labels),
      confidence: confidence.series(labels),
    };
  });
  return ({ request, version, predictions: decided, latencyMs, fallback }) => {
    const series = seriesOf(version);
    if (request.traceId === undefined) series.latency.observe(latencyMs / 1000);
    else series.latency.observeTraced(latencyMs / 1000, request.traceId, nowMs());
    for (const die of decided) {
      series[die.prediction].add(1);
      // A fallback's score is not one of the version.
      if (fallback !== undefined) continue;
      series.score.observe(die.anomaly_score);
      series.confidence.observe(die.confidence);
    }
  };
}
