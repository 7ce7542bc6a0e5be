import type { Registry } from 'prom-client';
import type { ModelVersion } from '../../models/model-version.js';
import type { FallbackReason } from '../../prediction/fallback.js';
import type { PredictionObserver } from '../../prediction/predictor.js';
import type { ShadowObserver } from '../../routing/shadow-runner.js';
import { remember, SeriesCounter, SeriesHistogram } from './series.js';

const DIFFERENCE_BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5];

/** Metrics of fallbacks and shadow versions. */
export function createTrafficMetrics(
  registry: Registry,
): ShadowObserver & { readonly predicted: PredictionObserver } {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const fallbacks = new SeriesCounter({
    name: 'fallback_predictions_total',
    help: 'Dies that a fallback answered for a version, by why the version could not',
    labelNames: [...versionLabels, 'reason'],
    registers,
  });
  const shadowed = new SeriesCounter({
    name: 'shadow_dies_total',
    help: 'Dies for a shadow version: compared, dropped under pressure, or failed',
    labelNames: [...versionLabels, 'shadow_version', 'outcome'],
    registers,
  });
  const disagreements = new SeriesCounter({
    name: 'shadow_disagreements_total',
    help: 'Dies that a shadow version decided otherwise than the version that answered',
    labelNames: [...versionLabels, 'shadow_version'],
    registers,
  });
  const differences = new SeriesHistogram({
    name: 'shadow_score_difference',
    help: "Magnitude of a shadow's anomaly score minus that of the version that answered",
    labelNames: [...versionLabels, 'shadow_version'],
    buckets: DIFFERENCE_BUCKETS,
    registers,
  });
  const labelsOf = ({ name, version }: ModelVersion) => ({ model_name: name, model_version: version });
  const fallbackOf = remember((version: ModelVersion) =>
    remember((reason: FallbackReason) => fallbacks.series({ ...labelsOf(version), reason })),
  );
  const pairOf = remember((primary: ModelVersion) =>
    remember((shadow: ModelVersion) => {
      const labels = { ...labelsOf(primary), shadow_version: shadow.version };
      return {
        outcome: remember((outcome: string) => shadowed.series({ ...labels, outcome })),
        disagreements: disagreements.series(labels),
        differences: differences.series(labels),
      };
    }),
  );
  return {
    predicted({ version, predictions, fallback }) {
      if (fallback !== undefined) fallbackOf(version)(fallback).add(predictions.length);
    },
    compared(primary, shadow, by) {
      const series = pairOf(primary)(shadow);
      series.outcome('compared').add(1);
      series.differences.observe(Math.abs(by.shadow.score - by.primary.score));
      if (by.primary.decision !== by.shadow.decision) series.disagreements.add(1);
    },
    missed(primary, shadow, outcome, dies) {
      pairOf(primary)(shadow).outcome(outcome).add(dies);
    },
  };
}
