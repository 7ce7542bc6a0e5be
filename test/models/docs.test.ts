import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CanaryBodySchema, ShadowBodySchema } from '../../src/doors/http/schemas/admin.js';
import { GoldenSchema } from '../../src/models/manifest/golden.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { FallbackSchema } from '../../src/models/manifest/serving-schema.js';
import { ServingSchema } from '../../src/models/repository/serving.js';
import { SplitSchema } from '../../src/traffic/split.js';

const text = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map((match): unknown =>
  JSON.parse(match[1] ?? ''),
);
const having = (key: string) =>
  blocks.filter((block) => typeof block === 'object' && block !== null && key in block);

/** The bodies of the curl examples for a path. */
const bodiesFor = (path: string) =>
  [...text.matchAll(/\$M\/(\w+) -d '(.*?)'/g)].flatMap(([, found, body = '']): unknown[] =>
    found === path ? [JSON.parse(body)] : [],
  );

describe('docs/models.md', () => {
  test('has a manifest of each task that diegate reads', () => {
    const tasks = having('task').map((block) => ManifestSchema.parse(block).task);
    expect(tasks).toEqual(['anomaly-screen', 'classification', 'regression', 'anomaly-screen']);
  });

  test('has a serving.json and a canary that diegate reads', () => {
    expect(having('defaultModel').map((block) => ServingSchema.parse(block).defaultModel)).toEqual([
      'die-defect',
    ]);
    expect(having('steps').map((block) => CanaryBodySchema.parse(block).to)).toEqual(['4']);
    expect(having('rows').map((block) => GoldenSchema.parse(block).scores)).toEqual([[0.031, 1.74]]);
    expect(blocks).toHaveLength(7);
  });

  test('has bodies for the admin routes that diegate reads', () => {
    expect(bodiesFor('split').map((body) => SplitSchema.parse(body).by)).toEqual(['wafer_id']);
    expect(bodiesFor('shadow').map((body) => ShadowBodySchema.parse(body).versions)).toEqual([['5']]);
    expect(bodiesFor('canary').map((body) => CanaryBodySchema.parse(body).to)).toEqual(['4']);
  });

  test('has fallbacks that diegate reads', () => {
    const found = [...text.matchAll(/\{ "by": "(?:version|limits)"[^}]*\}/g)].map(([body]) =>
      FallbackSchema.parse(JSON.parse(body)),
    );
    expect(new Set(found.map(({ by }) => by))).toEqual(new Set(['version', 'limits']));
  });
});
