import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { documentedMetrics } from '../../bench/monitoring/queries.js';
import { bytesOf, dieOf } from '../support/dies.js';
import { post, send } from '../support/http.js';
import { type Family, parseMetrics } from '../support/metrics.js';
import { sumVersion } from '../support/models.js';
import { appForSuite } from '../support/start-app.js';
import { isHere } from '../support/tools.js';

/** Documented metrics whose source is not part of the server yet. */
const NOT_YET_WIRED: readonly string[] = [
  'batches_total',
  'model_load_duration_seconds',
  'model_info',
  'fallback_predictions_total',
  'shadow_dies_total',
  'shadow_disagreements_total',
  'shadow_score_difference',
];

/** Metrics that have no sample before something happens that this suite does not make happen. */
const WITHOUT_SAMPLES_HERE: readonly string[] = [
  'nodejs_gc_duration_seconds',
  'fallback_predictions_total',
  'shadow_dies_total',
  'shadow_disagreements_total',
  'shadow_score_difference',
  'feature_drift_score',
  'feature_drift_score_max',
  'feature_drift_parameters',
  'drift_webhook_deliveries_total',
  'drift_window_dies',
  'drift_active',
];

const server = appForSuite(() => ({ versions: [sumVersion(4)] }));
const documented = documentedMetrics(
  readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8'),
);

async function provokeEverything(): Promise<void> {
  const { url } = server();
  await post(`${url}/predict`, JSON.stringify(dieOf({}, 4)));
  await post(`${url}/predict`, bytesOf([1, 1, 1, 1]), {
    'content-type': 'application/octet-stream',
    'x-die-id': 'a',
  });
  await post(`${url}/predict`, '{');
  const outcome = { die_id: 'a', model_version: '1', prediction: 'pass', actual: 'fail' };
  await post(`${url}/models/sum/outcomes`, JSON.stringify([outcome]));
  await send(`${url}/metrics`);
}

async function liveFamilies(): Promise<Map<string, Family>> {
  return parseMetrics((await send(`${server().url}/metrics`)).body);
}

const labelsOf = ({ samples }: Family) =>
  [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le').sort();

describe('the table of metrics in docs/observability.md', () => {
  test('has every metric that the server shows, and no other', async () => {
    const live = [...(await liveFamilies()).keys()];
    const expected = documented.map(({ name }) => name).filter((name) => !NOT_YET_WIRED.includes(name));
    expect(live.sort()).toEqual(expected.sort());
  });

  test('lists what is not wired yet, and nothing that is', async () => {
    const live = await liveFamilies();
    const names = documented.map(({ name }) => name);
    expect(NOT_YET_WIRED.filter((name) => live.has(name) || !names.includes(name))).toEqual([]);
  });

  test.each(documented.filter(({ name }) => !NOT_YET_WIRED.includes(name)))(
    'has type and labels of $name right',
    async ({ name, type, labels }) => {
      await provokeEverything();
      const family = (await liveFamilies()).get(name) ?? expect.fail(`${name} is not there`);
      expect(family.type).toBe(type);
      if (family.samples.length > 0) expect(labelsOf(family)).toEqual(labels);
      else expect(WITHOUT_SAMPLES_HERE).toContain(name);
    },
  );
});

test.skipIf(!isHere('promtool'))('promtool has nothing to say about the live output', async () => {
  await provokeEverything();
  const { body } = await send(`${server().url}/metrics`);
  // What it finds goes to stderr, with exit code 3.
  expect(execFileSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })).toBe('');
});
