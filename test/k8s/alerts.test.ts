import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { isHere } from '../support/tools.js';
import { all, Deployment, only, PrometheusRule, Service, ServiceMonitor } from './kinds.js';
import { kustomizeMissing, OVERLAYS, overlay } from './kustomize.js';

const GroupsSchema = z.array(
  z.looseObject({ name: z.string(), rules: z.array(z.looseObject({ expr: z.string() })) }),
);

/** The labels that Prometheus' operator gives the targets of each Service, as its ServiceMonitor says. */
function targetLabels(objects: Parameters<typeof all>[0]): { job: string; service: string }[] {
  const { spec } = only(objects, ServiceMonitor);
  return all(objects, Service).map(({ metadata }) => ({
    job: (spec.jobLabel === undefined ? undefined : metadata.labels?.[spec.jobLabel]) ?? metadata.name,
    service: metadata.name,
  }));
}

const watched = OVERLAYS.filter((name) => name !== 'edge');

describe.skipIf(kustomizeMissing).each(watched)('the alerts of the overlay %s', (name) => {
  const objects = kustomizeMissing === undefined ? overlay(name) : [];
  const targets = kustomizeMissing === undefined ? targetLabels(objects) : [];
  const groups = () => GroupsSchema.parse(only(objects, PrometheusRule).spec.groups);

  test('select the targets of every Service: one for each Deployment', () => {
    const selected = groups().flatMap(({ rules }) =>
      rules.flatMap(({ expr }) => [...expr.matchAll(/job="([^"]*)"/g)].map(([, job]) => job)),
    );
    expect(selected.length).toBeGreaterThan(20);
    expect(new Set(selected)).toEqual(new Set(targets.map(({ job }) => job)));
    expect(targets.map(({ service }) => service).toSorted()).toEqual(
      all(objects, Deployment)
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    );
  });

  test.skipIf(!isHere('promtool'))(
    'fire for 30 minutes of errors of any one Service, however little of the traffic it has (promtool)',
    { timeout: 60_000 },
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'diegate-rules-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      writeFileSync(
        join(folder, 'rules.yml'),
        stringify({ groups: groups() }, { aliasDuplicateObjects: false }),
      );
      writeFileSync(
        join(folder, 'tests.yml'),
        stringify({
          rule_files: ['rules.yml'],
          evaluation_interval: '1m',
          group_eval_order: groups().map((group) => group.name),
          tests: targets.map((failing) => errorsOf(failing, targets)),
        }),
      );
      const said = execFileSync('promtool', ['test', 'rules', 'tests.yml'], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(said).toContain('SUCCESS');
    },
  );
});

/** One Service answers a twentieth of the requests, half of them with 5xx; all others answer theirs. */
function errorsOf(
  failing: { job: string; service: string },
  targets: readonly { job: string; service: string }[],
) {
  const requests = ({ job, service }: typeof failing, status: string, values: string) => ({
    series: `http_requests_total{job="${job}", service="${service}", instance="${service}:8000", route="/predict", method="POST", status_class="${status}"}`,
    values,
  });
  const others = targets.filter(({ service }) => service !== failing.service);
  const summary = '50% of the prediction requests are answered with 5xx';
  return {
    name: failing.service,
    interval: '1m',
    input_series: [
      ...others.map((other) => requests(other, '2xx', '0+19000x40')),
      requests(failing, '2xx', '0+500x40'),
      requests(failing, '5xx', '0+500x40'),
    ],
    alert_rule_test: [
      {
        eval_time: '30m',
        alertname: 'DiegateErrorRateHigh',
        exp_alerts: [
          {
            exp_labels: { severity: 'critical', signal: 'errors', job: 'diegate', service: failing.service },
            exp_annotations: {
              summary,
              description: 'More than 1% for 5 minutes. Dies are not being judged.',
              runbook_url: 'docs/runbook.md#diegateerrorratehigh',
            },
          },
        ],
      },
    ],
  };
}
