import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { build, K8S, kustomizeMissing } from './kustomize.js';
import { deployments, present } from './pods.js';

test.skipIf(kustomizeMissing)(
  'the component writable-models lets the pods of an overlay write the volume',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-overlay-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cp(K8S, join(folder, 'k8s'), { recursive: true });
    const overlay = join(folder, 'k8s/overlays/writable');
    await mkdir(overlay);
    await writeFile(
      join(overlay, 'kustomization.yaml'),
      JSON.stringify({ resources: ['../production'], components: ['../../components/writable-models'] }),
    );
    const [server] = deployments(build(overlay));
    const { pod, container } = present(server);
    const mounts = container.volumeMounts?.map(({ name, readOnly }) => [name, readOnly]);
    expect(mounts).toEqual([
      ['models', false],
      ['api-keys', true],
    ]);
    const models = pod.volumes?.find(({ name }) => name === 'models');
    expect(models?.persistentVolumeClaim).toEqual({ claimName: 'diegate-models', readOnly: false });
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532 });
  },
);
