import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  documentedMetrics,
  familyOf,
  metricNames,
  readDashboard,
  readRules,
} from '../../../bench/monitoring/queries.js';
import { isHere } from '../../support/tools.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = `${ROOT}monitoring/prometheus`;

const rules = ['recording.yml', 'alerts.yml'].flatMap((file) => readRules(`${FOLDER}/rules/${file}`));
const alerts = rules.flatMap((rule) => ('alert' in rule ? [rule] : []));
const recorded = rules.flatMap((rule) => ('record' in rule ? [rule.record] : []));
const documented = new Set(
  documentedMetrics(readFileSync(`${ROOT}docs/observability.md`, 'utf8')).map(({ name }) => name),
);

describe.skipIf(!isHere('promtool'))('promtool', () => {
  const promtool = (...args: string[]) => execFileSync('promtool', args, { cwd: FOLDER, encoding: 'utf8' });

  test('accepts the configuration and the rules', () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toContain('2 rule files found');
    expect(promtool('check', 'rules', 'rules/recording.yml', 'rules/alerts.yml')).toContain('SUCCESS');
  });

  test('finds that every alert fires when it should and is silent just below', { timeout: 120_000 }, () => {
    const said = promtool(
      'test',
      'rules',
      ...['alerts', 'budgets', 'traffic'].map((name) => `tests/${name}.test.yml`),
    );
    expect(said.match(/SUCCESS/g)).toHaveLength(3);
  });
});

const UnitTestsSchema = z.object({
  tests: z.array(
    z.object({
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});

test('every alert has a test in which it fires and one in which it never does', () => {
  const tests = readdirSync(`${FOLDER}/tests`).flatMap(
    (file) => UnitTestsSchema.parse(parse(readFileSync(`${FOLDER}/tests/${file}`, 'utf8'))).tests,
  );
  for (const { alert } of alerts) {
    const counts = tests
      .filter(({ alert_rule_test }) => alert_rule_test.some(({ alertname }) => alertname === alert))
      .map(({ alert_rule_test }) =>
        alert_rule_test.reduce((sum, { exp_alerts }) => sum + exp_alerts.length, 0),
      );
    expect(counts.filter((fired) => fired > 0).length, `${alert} fires`).toBeGreaterThan(0);
    expect(counts.filter((fired) => fired === 0).length, `${alert} is silent`).toBeGreaterThan(0);
  }
});

test('the alerts are the ones that were asked for, by severity and time', () => {
  expect(
    alerts.map(({ alert, labels, for: time }) => `${labels.severity} ${alert} ${time ?? 'at once'}`),
  ).toEqual([
    'critical DiegateDown 2m',
    'critical DiegateErrorRateHigh 5m',
    'critical DiegateLatencyHigh 5m',
    'critical DiegateNotReady 2m',
    'critical DiegateAccuracyTooLow 10m',
    'critical DiegateErrorBudgetBurns 2m',
    'critical DiegateVersionNotLoaded 2m',
    'warning DiegateRecordsStalled 2m',
    'warning DiegateSignatureRefused 2m',
    'warning DiegateErrorRateElevated 15m',
    'warning DiegateErrorBudgetShrinks 15m',
    'warning DiegateFourNinesBurn 2m',
    'warning DiegateFailRateMoved 30m',
    'warning DiegateEquipmentFailsMore 5m',
    'warning DiegateConfidenceLow 15m',
    'warning DiegateFallbackAnswers 10m',
    'warning DiegateCanaryHolds 2h',
    'warning DiegateLatencyElevated 15m',
    'warning DiegateRequestRateDoubled 15m',
    'warning DiegateDrift at once',
    'warning DiegateQueueNearlyFull 1m',
    'warning DiegateWorkerRestarts at once',
    'warning DiegateShadowDisagrees 15m',
    'info DiegateFourNinesShrink 15m',
    'info DiegateRequestRateHalved 15m',
    'info DiegateAccuracyLow 10m',
  ]);
});

test.each(rules.map((rule) => ({ name: 'record' in rule ? rule.record : rule.alert, expr: rule.expr })))(
  '$name reads only what is documented or recorded',
  ({ expr }) => {
    const unknown = metricNames(expr).filter(
      (name) => name !== 'up' && !recorded.includes(name) && !documented.has(familyOf(name, documented)),
    );
    expect(unknown).toEqual([]);
  },
);

describe('docs/runbook.md', () => {
  const runbook = readFileSync(`${ROOT}docs/runbook.md`, 'utf8');
  const sections = new Map(
    runbook
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
  );

  test('has a section for each alert and for nothing else', () => {
    expect([...sections.keys()]).toEqual(alerts.map(({ alert }) => alert));
  });

  test.each(alerts)('says what $alert means, where to look and what to do', ({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const section = sections.get(alert) ?? '';
    for (const part of ['**It means.**', '**Look here.**', '**Do this.**']) expect(section).toContain(part);
  });

  test('links only to its own sections, and names only panels that exist', () => {
    const anchors = [...sections.keys()].map((name) => `#${name.toLowerCase()}`);
    for (const [, target = ''] of runbook.matchAll(/\]\((#[^)]+)\)/g)) expect(anchors).toContain(target);
    const { panels: shown } = readDashboard(`${ROOT}monitoring/grafana/dashboards/diegate.json`);
    const panels = [...runbook.matchAll(/(?<!\*)\*([A-Z][^*]+)\*(?!\*)/g)].map(([, title = '']) => title);
    expect(panels.length).toBeGreaterThan(10);
    const titles = shown.map(({ title }) => title);
    for (const title of panels) expect(titles).toContain(title);
  });
});
