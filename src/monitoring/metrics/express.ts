import type { Registry } from 'prom-client';
import type { ExpressObserver } from '../../serving/express/express-lane.js';
import { labelsOfKey, remember, SeriesCounter } from './series.js';
import { type GaugeSample, SeriesGauge } from './series-gauge.js';

/** Metrics of the express lane. */
export function createExpressMetrics(registry: Registry): ExpressObserver {
  const registers = [registry];
  const labelNames = ['model_name', 'model_version'];
  const dies = new SeriesCounter({
    name: 'express_dies_total',
    help: 'Dies that the server process ran itself and not a worker',
    labelNames,
    registers,
  });
  const samples = new Map<string, GaugeSample>();
  new SeriesGauge(
    {
      name: 'express_lane_open',
      help: 'Whether a version has proven itself and may be run by the server process itself: 1 or 0',
      labelNames,
      registers,
    },
    () => [...samples.values()],
  );
  const seriesOf = remember((key: string) => dies.series(labelsOfKey(key)));
  const set = (version: string, value: number) =>
    samples.set(version, { labels: labelsOfKey(version), value });
  return {
    levelChanged: (version, level) => set(version, level === 'trusted' ? 1 : 0),
    leftOut: (version) => set(version, 0),
    closed: (version) => samples.delete(version),
    ran: (version, count) => seriesOf(version).add(count),
  };
}
