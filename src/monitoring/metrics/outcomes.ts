import type { Registry } from 'prom-client';
import type { Decision } from '../../die/prediction.js';
import type { ModelVersion } from '../../models/model-version.js';
import { remember, SeriesCounter } from './series.js';

/** Dies of one version whose truth has become known, that were predicted and turned out alike. */
interface CountedOutcomes {
  readonly model: string;
  readonly version: string;
  readonly prediction: Decision;
  readonly actual: Decision;
  readonly dies: number;
}

/**
 * Metrics of what became of predicted dies.
 * @param versions those that are loaded: their counters are there, at 0, from the first scrape on
 */
export function createOutcomeMetrics(
  registry: Registry,
  versions: () => Iterable<Pick<ModelVersion, 'name' | 'version'>>,
): (count: CountedOutcomes) => void {
  const outcomes = new SeriesCounter(
    {
      name: 'prediction_outcomes_total',
      help: 'Dies whose truth was posted, by what was predicted and what they turned out to be',
      labelNames: ['model_name', 'model_version', 'prediction', 'actual'],
      registers: [registry],
    },
    () => {
      for (const { name, version } of versions()) seriesOf(`${name}/${version}`);
    },
  );
  // Bounded: only versions that are loaded are counted.
  const seriesOf = remember((key: string) => {
    const [model_name = '', model_version = ''] = key.split('/');
    const turnedOut = (prediction: Decision) => {
      const labels = { model_name, model_version, prediction };
      return {
        pass: outcomes.series({ ...labels, actual: 'pass' }),
        fail: outcomes.series({ ...labels, actual: 'fail' }),
      };
    };
    return { pass: turnedOut('pass'), fail: turnedOut('fail') };
  });
  return ({ model, version, prediction, actual, dies }) =>
    seriesOf(`${model}/${version}`)[prediction][actual].add(dies);
}
