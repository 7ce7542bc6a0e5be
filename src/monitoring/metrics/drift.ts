import { Counter, Gauge, type Registry } from 'prom-client';
import type { DriftSummary } from '../../drift/version-drift.js';
import { DELIVERIES, type Delivery } from '../../drift/webhook.js';

/** Metrics of drift, read at each scrape from what the monitor has fetched; what is no longer there vanishes. */
export function createDriftMetrics(
  registry: Registry,
  summaries: () => readonly DriftSummary[],
): { deliverySettled(delivery: Delivery): void } {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    read: (summary: DriftSummary, set: (labels: Record<string, string>, value: number) => void) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: [...versionLabels, ...labelNames],
      registers,
      collect() {
        this.reset();
        for (const summary of summaries()) {
          const version = { model_name: summary.modelName, model_version: summary.modelVersion };
          read(summary, (labels, value) => this.set({ ...version, ...labels }, value));
        }
      },
    });
  gauge(
    'feature_drift_score',
    'Population stability index of the parameters that drift most, at most 20; all dies of the window',
    ['parameter'],
    ({ worst }, set) => {
      for (const { name, psi } of worst) set({ parameter: name }, psi);
    },
  );
  gauge(
    'feature_drift_score_max',
    'Largest population stability index of any parameter',
    [],
    ({ psiMax }, set) => set({}, psiMax),
  );
  gauge(
    'feature_drift_parameters',
    'Parameters whose population stability index is over a limit',
    ['over'],
    ({ over }, set) => {
      set({ over: '0.1' }, over.changed);
      set({ over: '0.25' }, over.drifted);
    },
  );
  gauge('drift_window_dies', 'Dies in the window that drift is measured over', [], ({ dies }, set) =>
    set({}, dies),
  );
  gauge('drift_active', '1 while the product or an equipment drifts, else 0', [], ({ active }, set) =>
    set({}, active > 0 ? 1 : 0),
  );
  const deliveries = new Counter({
    name: 'drift_webhook_deliveries_total',
    help: 'Drift events by what became of them: delivered, failed or dropped',
    labelNames: ['outcome'],
    registers,
  });
  // There from 0 on: Prometheus counts no increase for a series that begins with its first value.
  for (const outcome of DELIVERIES) deliveries.inc({ outcome }, 0);
  return { deliverySettled: (outcome) => deliveries.inc({ outcome }) };
}
