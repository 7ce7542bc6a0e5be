import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  documentedMetrics,
  familyOf,
  metricNames,
  panelQueries,
  readDashboard,
  readRules,
  substituted,
} from '../../../bench/monitoring/queries.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const dashboard = readDashboard(`${ROOT}monitoring/grafana/dashboards/diegate.json`);
const queries = panelQueries(dashboard);
const documented = new Set(
  documentedMetrics(readFileSync(`${ROOT}docs/observability.md`, 'utf8')).map(({ name }) => name),
);
const recording = readRules(`${ROOT}monitoring/prometheus/rules/recording.yml`);
const recorded = recording.flatMap((rule) => ('record' in rule ? [rule.record] : []));
const isProcessMetric = (name: string) => /^(process|nodejs)_/.test(name);

describe('the dashboard', () => {
  test('has panels with ids of their own that do not lie on each other', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} at ${x} ${y}`).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  test('has a query in every panel that is not a heading', () => {
    for (const { type, title, targets = [] } of dashboard.panels) {
      expect(targets.length > 0, title).toBe(type !== 'row');
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  test('uses only variables that it has', () => {
    const known = new Set([...dashboard.templating.list.map(({ name }) => name), '__rate_interval']);
    const text = JSON.stringify(dashboard);
    for (const [, name = ''] of text.matchAll(/\$\{?(\w+)/g))
      expect(known).toContain(name === '__all' ? 'model' : name);
    for (const { expr } of queries) expect(substituted(expr, '1m')).not.toContain('$');
  });

  test.each(queries)('$where reads only metrics that are documented or recorded', ({ expr }) => {
    const names = metricNames(expr);
    expect(names.length).toBeGreaterThan(0);
    const unknown = names.filter(
      (name) => !recorded.includes(name) && !documented.has(familyOf(name, documented)),
    );
    expect(unknown).toEqual([]);
  });

  test('shows every metric of diegate that is documented, itself or in a recorded series', () => {
    const read = [...queries, ...recording].flatMap(({ expr }) => metricNames(expr));
    const shown = new Set(read.map((name) => familyOf(name, documented)));
    expect([...documented].filter((name) => !isProcessMetric(name) && !shown.has(name))).toEqual([]);
  });
});

test('the names of metrics are found in an expression', () => {
  const expr = `sum by (le, job) (rate(a_bucket{b="c_total", d=~"e"}[5m])) / on (x) group_left (y) max(z offset 1w)
    or vector(0) and avg_over_time(level:f:rate5m[1h] offset 23h30m) > 0.5`;
  expect(metricNames(expr)).toEqual(['a_bucket', 'z', 'level:f:rate5m']);
});

describe('the provisioning', () => {
  const DatasourcesSchema = z.object({
    apiVersion: z.literal(1),
    datasources: z.array(
      z.looseObject({
        type: z.literal('prometheus'),
        url: z.url(),
        jsonData: z.object({ timeInterval: z.string() }),
      }),
    ),
  });
  const PrometheusSchema = z.looseObject({ global: z.looseObject({ scrape_interval: z.string() }) });
  const read = (file: string) => parse(readFileSync(`${ROOT}monitoring/${file}`, 'utf8'));

  test('knows how often Prometheus scrapes', () => {
    const { datasources } = DatasourcesSchema.parse(read('grafana/provisioning/datasources/prometheus.yml'));
    const { global } = PrometheusSchema.parse(read('prometheus/prometheus.yml'));
    expect(datasources.map(({ jsonData }) => jsonData.timeInterval)).toEqual([global.scrape_interval]);
  });
});
