import type { Registry } from 'prom-client';
import type { LoadObserver } from '../../lifecycle/version-loader.js';
import type { CatalogueEntry } from '../../models/catalogue.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

/** Metrics of the versions that are loaded; those of one that leaves go with it. */
export function createModelMetrics(registry: Registry): Required<LoadObserver> {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) => {
    const samples = new Map<string, GaugeSample>();
    const configuration = { name, help, labelNames: [...versionLabels, ...labelNames], registers };
    new SeriesGauge(configuration, () => [...samples.values()]);
    return samples;
  };
  const loadTime = gauge(
    'model_load_duration_seconds',
    'Time from the start of a load to the last warm session',
  );
  const info = gauge('model_info', 'A version that is loaded; always 1', ['task', 'sha256']);
  const failed = gauge('model_load_failed', '1 for a version that could not be loaded');
  const labelsOf = ({ name, number }: CatalogueEntry) => ({ model_name: name, model_version: number });
  return {
    versionLoaded(entry) {
      const { key, version, report } = entry;
      const labels = labelsOf(entry);
      const { task = '', sha256 = '' } = version?.manifest ?? {};
      loadTime.set(key, { labels, value: (report?.loadMs ?? 0) / 1000 });
      info.set(key, { labels: { ...labels, task, sha256 }, value: 1 });
      failed.delete(key);
    },
    versionFailed(entry) {
      failed.set(entry.key, { labels: labelsOf(entry), value: 1 });
    },
    versionUnloaded({ key }) {
      loadTime.delete(key);
      info.delete(key);
    },
  };
}
