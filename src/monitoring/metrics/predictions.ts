import { Counter, Histogram, type Registry } from 'prom-client';
import type { PredictionObserver } from '../../predictor.js';

/** Latency buckets of a prediction, seconds: 0.5 ms to 1 s. */
export const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const SCORE_BUCKETS = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 5, 10];
const CONFIDENCE_BUCKETS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999];

/** Metrics of finished predictions. */
export function createPredictionMetrics(registry: Registry): PredictionObserver {
  const registers = [registry];
  const predictions = new Counter({
    name: 'predictions_total',
    help: 'Dies decided',
    labelNames: ['model_name', 'model_version', 'prediction'],
    registers,
  });
  const latency = new Histogram({
    name: 'prediction_latency_seconds',
    help: 'Time from the arrival of a prediction request to its decision',
    labelNames: ['model_name', 'model_version'],
    buckets: LATENCY_BUCKETS_S,
    registers,
  });
  const score = new Histogram({
    name: 'anomaly_score',
    help: "The model's score of a die",
    labelNames: ['model_name', 'model_version'],
    buckets: SCORE_BUCKETS,
    registers,
  });
  const confidence = new Histogram({
    name: 'prediction_confidence',
    help: 'Calibrated probability that a decision is right',
    labelNames: ['model_name', 'model_version'],
    buckets: CONFIDENCE_BUCKETS,
    registers,
  });
  return ({ request, predictions: decided, latencyMs }) => {
    const labels = { model_name: request.version.name, model_version: request.version.version };
    latency.observe(labels, latencyMs / 1000);
    for (const die of decided) {
      predictions.inc({ ...labels, prediction: die.prediction });
      score.observe(labels, die.anomaly_score);
      confidence.observe(labels, die.confidence);
    }
  };
}
