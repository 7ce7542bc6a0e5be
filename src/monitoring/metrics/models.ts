import type { Registry } from 'prom-client';
import type { CatalogueEntry } from '../../models/catalogue.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

/**
 * Metrics of the versions that there are, as the catalogue has them at each scrape.
 * @param entries every version's entry: the same object for as long as nothing in it changes
 */
export function createModelMetrics(registry: Registry, entries: () => readonly CatalogueEntry[]): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    sampleOf: (entry: CatalogueEntry) => GaugeSample | undefined,
  ) => {
    const samples = new WeakMap<CatalogueEntry, GaugeSample | undefined>();
    const kept = (entry: CatalogueEntry) => {
      if (!samples.has(entry)) samples.set(entry, sampleOf(entry));
      return samples.get(entry);
    };
    const labels = ['model_name', 'model_version', ...labelNames];
    new SeriesGauge({ name, help, labelNames: labels, registers: [registry] }, () =>
      entries().flatMap((entry) => kept(entry) ?? []),
    );
  };
  gauge(
    'model_load_duration_seconds',
    'Time from the start of a load to the last warm session',
    [],
    (entry) => entry.report && { labels: labelsOf(entry), value: entry.report.loadMs / 1000 },
  );
  gauge('model_info', 'A version that is loaded; always 1', ['task', 'sha256'], (entry) => {
    if (entry.state !== 'ready' || entry.version === undefined) return undefined;
    const { task, sha256 } = entry.version.manifest;
    return { labels: { ...labelsOf(entry), task, sha256 }, value: 1 };
  });
  gauge(
    'model_signature',
    'Whether the signature of a loaded version holds (verified) or not (refused); always 1',
    ['status'],
    (entry) => {
      const status = entry.report?.signature?.status;
      return status && { labels: { ...labelsOf(entry), status }, value: 1 };
    },
  );
  gauge(
    'model_batch_policy',
    'How the dies of a loaded version are run (any, padded or single), and why; the value is the rows in every run, 0 for any',
    ['policy', 'reason'],
    (entry) => {
      if (entry.report === undefined) return undefined;
      const { policy, dependence } = entry.report.batching;
      const labels = { ...labelsOf(entry), policy: policy.kind, reason: dependence?.kind ?? 'none' };
      return { labels, value: policy.kind === 'any' ? 0 : policy.rows };
    },
  );
  gauge('model_load_failed', '1 for a version that could not be read or loaded', [], (entry) =>
    entry.state === 'failed' ? { labels: labelsOf(entry), value: 1 } : undefined,
  );
}

function labelsOf({ name, number }: CatalogueEntry) {
  return { model_name: name, model_version: number };
}
