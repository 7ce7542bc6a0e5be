import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { describe, expect, test } from 'vitest';
import { all, Job, Namespace, only } from './kinds.js';
import { kustomizeMissing, OVERLAYS, overlay, readObjects } from './kustomize.js';
import { deployments, present } from './pods.js';

type PodSpec = NonNullable<IPodTemplateSpec['spec']>;

const ALLOWED_VOLUMES = ['configMap', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret', 'image'];

/** What the Pod Security level "restricted" forbids, and the two rules that diegate adds to it. */
function offences(pod: PodSpec): string[] {
  const { securityContext: ofPod, volumes = [], containers, initContainers = [] } = pod;
  const of = (holds: unknown, offence: string) => (holds === true ? [] : [offence]);
  const volumeTypes = volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name'));
  return [
    ...of(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'shares a namespace of the host'),
    ...of(ofPod?.runAsNonRoot, 'may run as root'),
    ...of(
      typeof ofPod?.runAsUser === 'number' && ofPod.runAsUser > 0,
      'runs as no user in particular, or as root',
    ),
    ...of(ofPod?.seccompProfile?.type === 'RuntimeDefault', 'has no seccomp profile'),
    ...of(
      volumeTypes.every((type) => ALLOWED_VOLUMES.includes(type)),
      'has a volume of a forbidden type',
    ),
    ...of(pod.automountServiceAccountToken === false, 'has a token for the Kubernetes API'),
    ...[...containers, ...initContainers].flatMap(({ securityContext, ports = [] }) => [
      ...of(securityContext?.allowPrivilegeEscalation === false, 'may gain privileges'),
      ...of(securityContext?.privileged !== true, 'is privileged'),
      ...of(securityContext?.readOnlyRootFilesystem, 'may write to its image'),
      ...of(securityContext?.capabilities?.drop?.includes('ALL'), 'keeps capabilities'),
      ...of((securityContext?.capabilities?.add ?? []).length === 0, 'adds capabilities'),
      ...of(
        ports.every(({ hostPort }) => hostPort === undefined),
        'opens a port of the host',
      ),
    ]),
  ];
}

describe.skipIf(kustomizeMissing)('Pod Security', () => {
  test.each(OVERLAYS)('%s: the namespace enforces "restricted", and every pod holds to it', (name) => {
    const objects = overlay(name);
    expect(only(objects, Namespace).metadata?.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    for (const { pod } of deployments(objects)) expect(offences(pod)).toEqual([]);
  });

  test('a pod without any security context would be found', () => {
    const { pod } = present(deployments(overlay('production'))[0]);
    const bare: PodSpec = {
      containers: pod.containers.map((container) => ({ ...container, securityContext: {} })),
    };
    expect(offences(bare)).toEqual([
      'may run as root',
      'runs as no user in particular, or as root',
      'has no seccomp profile',
      'has a token for the Kubernetes API',
      'may gain privileges',
      'may write to its image',
      'keeps capabilities',
    ]);
  });
});

test('the job that fills the model volume is admitted beside them', () => {
  const [job] = all(readObjects('examples/fill-models.yaml'), Job);
  expect(offences(present(job?.spec?.template.spec))).toEqual([]);
});
