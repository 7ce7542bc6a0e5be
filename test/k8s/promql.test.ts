import { expect, test } from 'vitest';
import { metricsIn } from './promql.js';

test.each([
  ['workers_ready == 0', ['workers_ready']],
  ['sum by (pod, instance) (rate(rejected_total{reason=~"a|b"}[5m])) > 1e3', ['rejected_total']],
  [
    'sum(rate(a_total[1m])) without (pod) / on (pod) group_left (node) b_total offset 5m',
    ['a_total', 'b_total'],
  ],
  ['histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket[5m]))) > 0.25', ['x_seconds_bucket']],
  ['diegate:burn:1h > 14.4 and diegate:burn:5m > 14.4', ['diegate:burn:1h', 'diegate:burn:5m']],
  ['absent(up{job="{diegate}"}) # sum(nothing)', ['up']],
])('the metrics of %s are found', (expression, metrics) => {
  expect(metricsIn(expression)).toEqual(metrics);
});
