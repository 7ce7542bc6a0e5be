import { describe, expect, test } from 'vitest';
import { Deployment, only, unknownFields, wrongValues } from './kinds.js';
import {
  type KubernetesObject,
  kustomizeMissing,
  OVERLAYS,
  overlay,
  parseObjects,
  readObjects,
} from './kustomize.js';

/** A copy with one change. */
function changed(object: KubernetesObject, from: string, to: string): KubernetesObject[] {
  const text = JSON.stringify(object);
  expect(text).toContain(from);
  return parseObjects(text.replace(from, to));
}

describe.skipIf(kustomizeMissing)('what kustomize builds', () => {
  test.each(OVERLAYS)('%s has only values that the schemas of Kubernetes and the operators allow', (name) => {
    expect(wrongValues(overlay(name))).toEqual([]);
  });

  test('no overlay has a field that Kubernetes or an operator would drop without a word', () => {
    expect(unknownFields(OVERLAYS.flatMap(overlay))).toEqual([]);
  });

  test.each(OVERLAYS)('%s names each object once, and all but the namespace are in the namespace', (name) => {
    const objects = overlay(name);
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { kind, metadata } of objects) {
      expect(metadata.namespace, `${kind} ${metadata.name}`).toBe(
        kind === 'Namespace' ? undefined : 'diegate',
      );
    }
  });

  test('a misspelt field and a wrong value would be found', () => {
    const deployment = only(overlay('production'), Deployment);
    const misspelt = changed(deployment, '"livenessProbe"', '"livenesProbe"');
    expect(unknownFields(misspelt).join('\n')).toMatch(/livenesProbe"?' does not exist/);
    expect(wrongValues(changed(deployment, '"minReadySeconds":5', '"minReadySeconds":"5"'))).toEqual([
      expect.stringContaining('minReadySeconds must be integer'),
    ]);
  });
});

test('the examples have only known fields and allowed values', () => {
  const examples = ['secrets.yaml', 'fill-models.yaml'].flatMap((file) => readObjects(`examples/${file}`));
  expect(wrongValues(examples)).toEqual([]);
  expect(unknownFields(examples)).toEqual([]);
});
