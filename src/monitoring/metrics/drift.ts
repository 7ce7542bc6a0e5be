import { Counter, type Registry } from 'prom-client';
import type { DriftSummary } from '../../drift/version-drift.js';
import type { Delivery } from '../../drift/webhook.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

const NO_DELIVERIES: Readonly<Record<Delivery, 0>> = { delivered: 0, failed: 0, dropped: 0 };

/** Metrics of drift, read at each scrape from what was last judged; what is no longer there vanishes. */
export function createDriftMetrics(
  registry: Registry,
  summaries: () => readonly DriftSummary[],
): { deliverySettled(delivery: Delivery): void } {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    samplesOf: (summary: DriftSummary) => [labels: Readonly<Record<string, string>>, value: number][],
  ) => {
    // A summary never changes: the next one is another object.
    const known = new WeakMap<DriftSummary, readonly GaugeSample[]>();
    const read = (summary: DriftSummary): readonly GaugeSample[] => {
      const version = { model_name: summary.modelName, model_version: summary.modelVersion };
      const samples =
        known.get(summary) ??
        samplesOf(summary).map(([labels, value]) => ({ labels: { ...version, ...labels }, value }));
      known.set(summary, samples);
      return samples;
    };
    const configuration = { name, help, registers };
    new SeriesGauge({ ...configuration, labelNames: ['model_name', 'model_version', ...labelNames] }, () =>
      summaries().flatMap(read),
    );
  };
  gauge(
    'feature_drift_score',
    'Population stability index of the parameters that drift most, at most 20; all dies of the window',
    ['parameter'],
    ({ worst }) => worst.map(({ name, psi }) => [{ parameter: name }, psi]),
  );
  gauge(
    'feature_drift_score_max',
    'Largest population stability index of any parameter',
    [],
    ({ psiMax }) => [[{}, psiMax]],
  );
  gauge(
    'feature_drift_parameters',
    'Parameters whose population stability index is over a limit',
    ['over'],
    ({ over }) => [
      [{ over: '0.1' }, over.changed],
      [{ over: '0.25' }, over.drifted],
    ],
  );
  gauge('drift_window_dies', 'Dies in the window that drift is measured over', [], ({ dies }) => [
    [{}, dies],
  ]);
  gauge('drift_active', '1 while the product or an equipment drifts, else 0', [], ({ active }) => [
    [{}, active > 0 ? 1 : 0],
  ]);
  gauge(
    'equipment_fail_rate',
    'Share of failing dies of the equipment that fails most, and of all other equipment, in the window',
    ['equipment'],
    ({ equipment }) =>
      equipment === undefined
        ? []
        : [
            [{ equipment: 'worst' }, equipment.worst],
            [{ equipment: 'others' }, equipment.others],
          ],
  );
  gauge(
    'equipment_fail_rates_differ',
    'Equipment whose share of failing dies differs from that of the others by more than wafers do',
    [],
    // Of one equipment alone there is nothing to say.
    ({ equipment, failRatesDiffer }) =>
      equipment === undefined && failRatesDiffer === 0 ? [] : [[{}, failRatesDiffer]],
  );
  const deliveries = new Counter({
    name: 'drift_webhook_deliveries_total',
    help: 'Drift events by what became of them: delivered, failed or dropped',
    labelNames: ['outcome'],
    registers,
  });
  // There from 0 on: Prometheus counts no increase for a series that begins with its first value.
  for (const [outcome, none] of Object.entries(NO_DELIVERIES)) deliveries.inc({ outcome }, none);
  return { deliverySettled: (outcome) => deliveries.inc({ outcome }) };
}
