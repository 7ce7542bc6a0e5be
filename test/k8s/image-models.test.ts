import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { unknownFields, wrongValues } from './kinds.js';
import { build, K8S, kustomizeMissing } from './kustomize.js';
import { deployments, present } from './pods.js';

test.skipIf(kustomizeMissing)(
  'the component image-models mounts the models of an image, by fields that Kubernetes knows, and claims no volume',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-overlay-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cp(K8S, join(folder, 'k8s'), { recursive: true });
    const overlay = join(folder, 'k8s/overlays/image');
    await mkdir(overlay);
    await writeFile(
      join(overlay, 'kustomization.yaml'),
      JSON.stringify({ resources: ['../production'], components: ['../../components/image-models'] }),
    );
    const objects = build(overlay);
    expect(wrongValues(objects)).toEqual([]);
    expect(unknownFields(objects)).toEqual([]);
    expect(objects.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
    const { pod, container } = present(deployments(objects)[0]);
    expect(pod.volumes?.find(({ name }) => name === 'models')).toEqual({
      name: 'models',
      image: { reference: 'registry.example/diegate-models:1', pullPolicy: 'IfNotPresent' },
    });
    expect(container.volumeMounts?.find(({ name }) => name === 'models')).toMatchObject({
      mountPath: '/models',
      readOnly: true,
    });
  },
);
