import type { Registry } from 'prom-client';
import type { Serving } from '../../models/repository/serving.js';
import type { CanaryState } from '../../traffic/canary-plan.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

/**
 * Metrics of automated canaries that have not ended, read at each scrape from what is served.
 * @param serving the same object for as long as nothing in it changes
 */
export function createCanaryMetrics(registry: Registry, serving: () => Serving): void {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (canary: CanaryState) => [labels: Readonly<Record<string, string>>, value: number],
  ) => {
    const known = new WeakMap<CanaryState, GaugeSample>();
    const sampleOf = (model: string, canary: CanaryState): GaugeSample => {
      const [labels, value] = read(canary);
      const { from, to } = canary.plan;
      const made = { labels: { model_name: model, model_version: to, from_version: from, ...labels }, value };
      const sample = known.get(canary) ?? made;
      known.set(canary, sample);
      return sample;
    };
    const labels = ['model_name', 'model_version', 'from_version', ...labelNames];
    new SeriesGauge({ name, help, labelNames: labels, registers }, () =>
      Object.entries(serving().models).flatMap(([model, { canary }]) =>
        canary === undefined || hasEnded(canary) ? [] : [sampleOf(model, canary)],
      ),
    );
  };
  gauge('canary_state', 'A canary that has not ended, by its state; always 1', ['state'], (canary) => [
    { state: canary.status === 'running' && canary.holding ? 'holding' : canary.status },
    1,
  ]);
  gauge('canary_traffic_percent', 'Percent of the traffic that a canary gets', [], ({ plan, step }) => [
    {},
    plan.steps[step] ?? 0,
  ]);
  gauge(
    'canary_step_started_seconds',
    'When the step of a canary began, seconds since 1970',
    [],
    (canary) => [{}, Date.parse(canary.stepSince) / 1000],
  );
}

function hasEnded({ status }: CanaryState): boolean {
  return status === 'completed' || status === 'rolled_back';
}
