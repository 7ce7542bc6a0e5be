import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { documentedMetrics } from '../../bench/monitoring/queries.js';
import { CanaryStateSchema } from '../../src/traffic/canary-plan.js';
import { referenceOfColumns } from '../drift/references.js';
import { bytesOf, dieOf } from '../support/dies.js';
import { post, send } from '../support/http.js';
import { type Family, parseMetrics } from '../support/metrics.js';
import { sumVersion } from '../support/models.js';
import { appForSuite } from '../support/start-app.js';
import { isHere } from '../support/tools.js';

/** Metrics that have no sample before something happens that this suite cannot make happen. */
const WITHOUT_SAMPLES_HERE: readonly string[] = [
  'nodejs_gc_duration_seconds',
  'model_signature',
  'records_checkpoint',
  'express_dies_total',
];

const records = mkdtempSync(join(tmpdir(), 'diegate-documented-'));
afterAll(() => rmSync(records, { recursive: true, force: true }));

const reference = referenceOfColumns(Array.from({ length: 4 }, () => [9, 10, 11, 12]));

const canary = CanaryStateSchema.parse({
  plan: { from: '1', to: '2', by: 'wafer_id', dwellMs: 600_000_000 },
  status: 'running',
  step: 0,
  startedAt: new Date().toISOString(),
  stepSince: new Date().toISOString(),
  reason: 'It begins.',
});

/** Version 1 answers, 2 is its shadow, and 3 cannot be loaded, so that 1 answers for it; of `other` a canary runs. */
const server = appForSuite(() => ({
  versions: [
    { ...sumVersion(4), reference },
    sumVersion(4, { version: '2' }),
    sumVersion(4, {
      version: '3',
      outputs: { score: 'no_such_output' },
      fallback: { by: 'version', version: '1' },
    }),
    sumVersion(4, { name: 'other' }),
    sumVersion(4, { name: 'other', version: '2' }),
  ],
  serving: {
    defaultModel: 'sum',
    models: { sum: { default: '1', shadow: ['2'] }, other: { default: '1', canary } },
  },
  environment: { DRIFT_MINIMUM_DIES: '50', RECORDS_DIR: records, EXPRESS_DIES: '1' },
}));
const documented = documentedMetrics(
  readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8'),
);

beforeAll(async () => {
  const { url } = server();
  const die = dieOf({}, 4);
  for (const equipment_id of ['T01', 'T02'])
    await post(`${url}/predict/batch`, JSON.stringify(Array(60).fill({ ...die, equipment_id })));
  await post(`${url}/predict`, bytesOf([1, 1, 1, 1]), {
    'content-type': 'application/octet-stream',
    'x-die-id': 'a',
  });
  await post(`${url}/models/sum/versions/3/predict`, JSON.stringify(die));
  await post(`${url}/predict`, '{');
  const outcome = { die_id: 'a', model_version: '1', prediction: 'pass', actual: 'fail' };
  await post(`${url}/models/sum/outcomes`, JSON.stringify([outcome]));
  await send(`${url}/metrics`);
  // Makes the workers hand over what they have counted.
  await send(`${url}/models/sum/versions/1/drift`);
  // Shadows run when the answers are out.
  await vi.waitFor(async () => {
    expect((await liveFamilies()).get('shadow_dies_total')?.samples).not.toEqual([]);
  });
});

async function liveFamilies(): Promise<Map<string, Family>> {
  return parseMetrics((await send(`${server().url}/metrics`)).body);
}

const labelsOf = ({ samples }: Family) =>
  [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le').sort();

describe('the table of metrics in docs/observability.md', () => {
  test('has every metric that the server shows, and no other', async () => {
    const live = [...(await liveFamilies()).keys()];
    expect(live.sort()).toEqual(documented.map(({ name }) => name).sort());
  });

  test.each(documented)('has type and labels of $name right', async ({ name, type, labels }) => {
    const family = (await liveFamilies()).get(name) ?? expect.fail(`${name} is not there`);
    expect(family.type).toBe(type);
    if (family.samples.length > 0) expect(labelsOf(family)).toEqual(labels);
    else expect(WITHOUT_SAMPLES_HERE).toContain(name);
  });
});

test.skipIf(!isHere('promtool'))('promtool has nothing to say about the live output', async () => {
  const { body } = await send(`${server().url}/metrics`);
  // What it finds goes to stderr, with exit code 3.
  expect(execFileSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })).toBe('');
});
