import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { K8S } from './kustomize.js';

const RULES = fileURLToPath(new URL('../../monitoring/prometheus/rules', import.meta.url));

const RuleFileSchema = z.strictObject({ groups: z.array(z.looseObject({ name: z.string() })) });

/** The rule files of Prometheus as the one object that its operator reads. */
function prometheusRule(folder: string): string {
  const files = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file));
  const groups = files
    .toSorted()
    .flatMap((file) => RuleFileSchema.parse(parse(readFileSync(`${folder}/${file}`, 'utf8'))).groups);
  const object = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'diegate', labels: { 'app.kubernetes.io/name': 'diegate' } },
    spec: { groups },
  };
  const source =
    '# The rules of monitoring/prometheus/rules, put here by `npm run k8s:rules`; change them there.\n';
  return source + stringify(object, { lineWidth: 110, aliasDuplicateObjects: false });
}

const missing = existsSync(RULES) ? undefined : 'monitoring/prometheus/rules is not there';
if (missing !== undefined) process.stdout.write(`skipped: ${missing}\n`);

test.skipIf(missing)('the PrometheusRule has the rules of Prometheus and no others', async () => {
  await expect(prometheusRule(RULES)).toMatchFileSnapshot(`${K8S}/base/prometheus-rule.yaml`);
});
