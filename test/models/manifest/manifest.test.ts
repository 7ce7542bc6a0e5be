import { describe, expect, it } from 'vitest';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import { parameterCount } from '../../../src/models/manifest/parameter-count.js';
import { schemaProblems } from '../../../src/schema-faults.js';
import { sumVersion } from '../../support/models.js';

const GOOD = sumVersion(4).manifest;

/** The lines with which a manifest that is good but for `changes` is refused. */
function problemsOf(changes: Record<string, unknown>): string[] {
  const content: unknown = { ...GOOD, ...changes };
  const parsed = ManifestSchema.safeParse(content);
  return parsed.success ? [] : schemaProblems(content, parsed.error.issues);
}

describe('a manifest', () => {
  it('may leave out what has a default: 512 parameters, no missing values, no queue delay', () => {
    const { description, metrics, batching, input } = ManifestSchema.parse({ ...GOOD, input: { name: 'x' } });
    expect({ description, metrics, batching, input }).toEqual({
      description: '',
      metrics: {},
      batching: { maxBatchSize: 64, maxQueueDelayMs: 0, maxQueueSize: 4096, defaultDeadlineMs: 1000 },
      input: { name: 'x', parameters: 512, missing: 'reject' },
    });
  });

  it('counts its parameters, given as a number or as a list', () => {
    expect(parameterCount(ManifestSchema.parse({ ...GOOD, input: { name: 'x', parameters: 7 } }))).toBe(7);
    const parameters = [
      { name: 'vdd', unit: 'V', testNumber: 1, lowLimit: 1, highLimit: 2, expected: 1.5 },
      { name: 'idd' },
    ];
    expect(parameterCount(ManifestSchema.parse({ ...GOOD, input: { name: 'x', parameters } }))).toBe(2);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [
      { name: 'die defect' },
      ['name: expected 1 to 64 letters, digits, ".", "_" or "-", found the string "die defect"'],
    ],
    [{ version: 1 }, ['version: expected a string, found 1']],
    [{ version: 'v1' }, ['version: expected a positive whole number, such as "1", found the string "v1"']],
    [
      { task: 'sorting' },
      ['task: expected "anomaly-screen" or "classification" or "regression", found the string "sorting"'],
    ],
    [{ input: { parameters: 4 } }, ['input.name: expected a string, found nothing']],
    [{ input: { name: 'x', parameters: 0 } }, ['input.parameters: expected a number of at least 1, found 0']],
    [
      { input: { name: 'x', parameters: '4' } },
      ['input.parameters: expected a number or an array, found the string "4"'],
    ],
    [
      { input: { name: 'x', parameters: [{ name: 'vdd', limit: 3 }, { name: '' }] } },
      [
        'input.parameters.0: unknown key "limit"',
        'input.parameters.1.name: expected a string of at least 1 character, found an empty string',
      ],
    ],
    [
      { input: { name: 'x', missing: 'zero' } },
      ['input.missing: expected "reject" or "impute", found the string "zero"'],
    ],
    [{ outputs: {} }, ['outputs: expected one of score, reconstruction, distances, found none']],
    [{ threshold: '1.0' }, ['threshold: expected a number, found the string "1.0"']],
    [{ threshold: null }, ['threshold: expected a number, found null']],
    [
      { calibration: { method: 'platt', slope: 0, intercept: 0, basis: 'guess' } },
      [
        'calibration.method: expected "logistic-log-score" or "logistic-score", found the string "platt"',
        'calibration.slope: expected a number above 0, found 0',
        'calibration.basis: expected "labelled" or "nominal", found the string "guess"',
      ],
    ],
    [{ batching: { maxBatchSize: 0 } }, ['batching.maxBatchSize: expected a number of at least 1, found 0']],
    [
      { batching: { maxQueueDelayMs: -1 } },
      ['batching.maxQueueDelayMs: expected a number of at least 0, found -1'],
    ],
    [{ batching: { maxQueueSize: 1.5 } }, ['batching.maxQueueSize: expected a whole number, found 1.5']],
    [{ sha256: 'ABC' }, ['sha256: expected 64 lower-case hex digits, found the string "ABC"']],
    [
      { lineage: { data: '', rows: -1, codeVersion: '0', created: 'yesterday' } },
      [
        'lineage.rows: expected a number of at least 0, found -1',
        'lineage.created: expected an ISO 8601 time in UTC, such as "2026-01-01T00:00:00Z", found the string "yesterday"',
      ],
    ],
    [{ metrics: { auc: 'high' } }, ['metrics.auc: expected a number or an object, found the string "high"']],
    [{ owner: 'me', notes: '' }, ['the whole: unknown keys "owner", "notes"']],
  ])('is refused for %j, naming the thing, what is expected and what was found', (changes, lines) => {
    expect(problemsOf(changes)).toEqual(lines);
  });
});
