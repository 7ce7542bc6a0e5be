import { Gauge, type Registry } from 'prom-client';
import type { LoadObserver } from '../../lifecycle/version-loader.js';
import type { CatalogueEntry } from '../../models/catalogue.js';

/** Metrics of the versions that are loaded; those of one that leaves go with it. */
export function createModelMetrics(registry: Registry): Required<LoadObserver> {
  const registers = [registry];
  const versionLabels = ['model_name', 'model_version'];
  const loadTime = new Gauge({
    name: 'model_load_duration_seconds',
    help: 'Time from the start of a load to the last warm session',
    labelNames: versionLabels,
    registers,
  });
  const info = new Gauge({
    name: 'model_info',
    help: 'A version that is loaded; always 1',
    labelNames: [...versionLabels, 'task', 'sha256'],
    registers,
  });
  const failed = new Gauge({
    name: 'model_load_failed',
    help: '1 for a version that could not be loaded',
    labelNames: versionLabels,
    registers,
  });
  const labelsOf = ({ name, number }: CatalogueEntry) => ({ model_name: name, model_version: number });
  const infoOf = (entry: CatalogueEntry) => ({
    ...labelsOf(entry),
    task: entry.version?.manifest.task ?? '',
    sha256: entry.version?.manifest.sha256 ?? '',
  });
  return {
    versionLoaded(entry) {
      loadTime.set(labelsOf(entry), (entry.report?.loadMs ?? 0) / 1000);
      info.set(infoOf(entry), 1);
      failed.remove(labelsOf(entry));
    },
    versionFailed(entry) {
      failed.set(labelsOf(entry), 1);
    },
    versionUnloaded(entry) {
      loadTime.remove(labelsOf(entry));
      info.remove(infoOf(entry));
    },
  };
}
