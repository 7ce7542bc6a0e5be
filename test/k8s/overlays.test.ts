import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.js';
import { DIEGATE_VERSION } from '../../src/version.js';
import {
  all,
  HorizontalPodAutoscaler,
  Ingress,
  NetworkPolicy,
  only,
  PersistentVolumeClaim,
  PodDisruptionBudget,
  ScaledObject,
  Secret,
  Service,
  ServiceAccount,
  ServiceMonitor,
} from './kinds.js';
import { type KubernetesObject, kustomizeMissing, OVERLAYS, overlay, readObjects } from './kustomize.js';
import { deploymentNamed, deployments, present, quantity, selects } from './pods.js';

const NGINX = 'nginx.ingress.kubernetes.io';

interface Scaler {
  readonly target: string;
  readonly min: number;
  readonly max: number;
}

/** What changes the number of pods: autoscalers, and KEDA's objects, which make one. */
function scalers(objects: readonly KubernetesObject[]): Scaler[] {
  return [
    ...all(objects, HorizontalPodAutoscaler).map(({ spec }) => ({
      target: present(spec).scaleTargetRef.name,
      min: present(spec?.minReplicas),
      max: present(spec).maxReplicas,
    })),
    ...all(objects, ScaledObject).map(({ spec }) => ({
      target: spec.scaleTargetRef.name,
      min: present(spec.minReplicaCount),
      max: present(spec.maxReplicaCount),
    })),
  ];
}

const image = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const modelsOfImage = present(/MODEL_REPOSITORY=(\S+)/.exec(image)?.[1]);
const examples = all(readObjects('examples/secrets.yaml'), Secret);

describe.skipIf(kustomizeMissing).each(OVERLAYS)('the overlay %s', (name) => {
  const objects = kustomizeMissing === undefined ? overlay(name) : [];
  const servers = deployments(objects);

  test('each Deployment owns its pods and no others', () => {
    for (const { spec, podLabels } of servers) {
      const owners = servers.filter((other) => selects(present(other.spec.selector.matchLabels), podLabels));
      expect(owners.map((owner) => owner.spec)).toEqual([spec]);
    }
  });

  test('each Service sends to the pods of one Deployment, at a port that they have', () => {
    for (const { metadata, spec } of all(objects, Service)) {
      const behind = servers.filter(({ podLabels }) => selects(present(spec?.selector), podLabels));
      expect(behind.map((server) => server.name)).toEqual([metadata.name]);
      const opened = behind.flatMap(({ container }) => present(container.ports).map((port) => port.name));
      for (const { targetPort } of present(spec?.ports)) expect(opened).toContain(targetPort);
    }
  });

  test('each Ingress has TLS for its hosts and a backend that exists', () => {
    const services = new Map(
      all(objects, Service).map(({ metadata, spec }) => [
        metadata.name,
        present(spec?.ports).map((port) => port.name),
      ]),
    );
    for (const { spec } of all(objects, Ingress)) {
      const secured = present(spec?.tls).flatMap(({ hosts }) => hosts ?? []);
      for (const { host, http } of present(spec?.rules)) {
        expect(secured).toContain(host);
        for (const { backend } of present(http).paths) {
          expect(services.get(present(backend.service).name)).toContain(backend.service?.port?.name);
        }
      }
    }
  });

  test('everything that a pod or an Ingress names exists, or has an example', () => {
    const secrets = examples.map(({ metadata }) => metadata.name);
    const claims = all(objects, PersistentVolumeClaim).map(({ metadata }) => metadata.name);
    const accounts = all(objects, ServiceAccount).map(({ metadata }) => metadata.name);
    for (const { pod, container } of servers) {
      expect(accounts).toContain(pod.serviceAccountName);
      const volumes = pod.volumes ?? [];
      for (const { persistentVolumeClaim, secret } of volumes) {
        if (persistentVolumeClaim) expect(claims).toContain(persistentVolumeClaim.claimName);
        if (secret) expect(secrets).toContain(secret.secretName);
      }
      const mounted = (container.volumeMounts ?? []).map((mount) => mount.name);
      expect(mounted.toSorted()).toEqual(volumes.map((volume) => volume.name).toSorted());
    }
    for (const { spec } of all(objects, Ingress)) {
      for (const { secretName } of present(spec?.tls)) expect(secrets).toContain(secretName);
    }
  });

  test('models and keys are read from where they are mounted, read-only', () => {
    for (const { container, pod, environment } of servers) {
      const mounts = container.volumeMounts ?? [];
      const { MODEL_REPOSITORY, API_KEYS_FILE } = readConfig(environment);
      expect([modelsOfImage, ...mounts.map(({ mountPath }) => mountPath)]).toContain(MODEL_REPOSITORY);
      for (const { readOnly } of mounts) expect(readOnly).toBe(true);
      if (API_KEYS_FILE === undefined) continue;
      const mount = mounts.find(({ mountPath }) => mountPath === posix.dirname(API_KEYS_FILE));
      const secret = pod.volumes?.find((volume) => volume.name === mount?.name)?.secret?.secretName;
      const example = examples.find(({ metadata }) => metadata.name === secret);
      expect(Object.keys(present(example?.stringData))).toEqual([posix.basename(API_KEYS_FILE)]);
    }
  });

  test('an update never takes a pod away before its successor serves', () => {
    for (const { spec } of servers) {
      expect(spec.strategy).toEqual({
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
      });
      expect(spec.minReadySeconds).toBeGreaterThan(0);
    }
  });

  test('pods are spread by their own labels', () => {
    for (const { pod, podLabels } of servers) {
      const apart = pod.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      const spread = pod.topologySpreadConstraints ?? [];
      expect([apart.length, spread.length]).toEqual(name === 'edge' ? [0, 0] : [1, 1]);
      for (const selector of [...apart.map(({ podAffinityTerm }) => podAffinityTerm), ...spread]) {
        expect(selects(present(selector.labelSelector?.matchLabels), podLabels)).toBe(true);
      }
    }
  });

  test('a pod is given what it asks for: all of its memory, and no less than it may use', () => {
    for (const { container } of servers) {
      const { requests, limits } = present(container.resources);
      expect(limits?.memory).toBe(requests?.memory);
      // 145 MB were measured at full load.
      expect(quantity(requests?.memory)).toBeGreaterThan(145e6);
      if (limits?.cpu !== undefined)
        expect(quantity(limits.cpu)).toBeGreaterThanOrEqual(quantity(requests?.cpu));
    }
  });

  test('the number of pods has one owner', () => {
    for (const { name: server, spec } of servers) {
      const owners = scalers(objects).filter(({ target }) => target === server);
      expect(owners).toHaveLength(spec.replicas === undefined ? 1 : 0);
      for (const { min, max } of owners) expect(max).toBeGreaterThan(min);
    }
    expect(servers.map((server) => server.name)).toEqual(
      expect.arrayContaining(scalers(objects).map(({ target }) => target)),
    );
  });

  test('a disruption budget leaves room to drain a node', () => {
    const budgeted = all(objects, PodDisruptionBudget).map(({ spec }) => {
      const [server, ...others] = servers.filter(({ podLabels }) =>
        selects(present(spec?.selector?.matchLabels), podLabels),
      );
      expect(others).toEqual([]);
      const { min } = present(scalers(objects).find(({ target }) => target === server?.name));
      expect(Number(spec?.minAvailable)).toBeLessThan(min);
      return server?.name;
    });
    // One pod with a budget of one could never be moved.
    expect(budgeted).toEqual(servers.filter(({ spec }) => spec.replicas === undefined).map((s) => s.name));
  });

  test('pods talk to nobody but the ingress controller, Prometheus and the name service', () => {
    const { spec } = only(objects, NetworkPolicy);
    for (const { podLabels } of servers) {
      expect(selects(present(spec?.podSelector?.matchLabels), podLabels)).toBe(true);
    }
    expect(spec?.policyTypes).toEqual(['Ingress', 'Egress']);
    const namespaces = (
      peers: readonly { namespaceSelector?: { matchLabels?: Record<string, string> } }[] = [],
    ) =>
      peers.map(({ namespaceSelector }) => namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name']);
    const controller = name === 'edge' ? 'kube-system' : 'ingress-nginx';
    expect(spec?.ingress?.map(({ from, ports }) => ({ from: namespaces(from), ports }))).toEqual([
      { from: [controller, 'monitoring'], ports: [{ protocol: 'TCP', port: 'http' }] },
    ]);
    expect(spec?.egress?.map(({ to, ports }) => ({ to: namespaces(to), ports }))).toEqual([
      {
        to: ['kube-system'],
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      },
    ]);
  });

  test('the ServiceMonitor finds every Service and a port that it has', () => {
    if (name === 'edge') return expect(all(objects, ServiceMonitor)).toEqual([]);
    const { spec } = only(objects, ServiceMonitor);
    for (const { metadata, spec: service } of all(objects, Service)) {
      expect(selects(present(spec.selector.matchLabels), present(metadata.labels))).toBe(true);
      const ports = present(service?.ports).map((port) => port.name);
      for (const { port } of spec.endpoints) expect(ports).toContain(port);
    }
  });

  test('stable pods run the image of this version', () => {
    expect(deploymentNamed(objects, 'diegate').container.image).toBe(`diegate:${DIEGATE_VERSION}`);
  });
});

describe.skipIf(kustomizeMissing)('the Ingress of production', () => {
  test('takes the bodies that the server takes, and more requests than it allows one equipment', () => {
    const { metadata } = only(overlay('production'), Ingress);
    const { environment } = deploymentNamed(overlay('production'), 'diegate');
    const { MAX_BODY_BYTES, RATE_LIMIT_PER_SECOND } = readConfig(environment);
    expect(metadata.annotations?.[`${NGINX}/proxy-body-size`]).toBe(`${MAX_BODY_BYTES / 1024 ** 2}m`);
    expect(RATE_LIMIT_PER_SECOND).toBe(100);
    expect(Number(metadata.annotations?.[`${NGINX}/limit-rps`])).toBeGreaterThan(RATE_LIMIT_PER_SECOND);
  });
});

describe.skipIf(kustomizeMissing)('the canary', () => {
  const objects = kustomizeMissing === undefined ? overlay('canary') : [];

  test('changes nothing of production', () => {
    const added = objects.filter(({ metadata }) => metadata.name.includes('canary'));
    expect(added.map(({ kind }) => kind).toSorted()).toEqual([
      'ConfigMap',
      'Deployment',
      'Ingress',
      'Service',
    ]);
    const rest = objects.filter((object) => !added.includes(object));
    expect(new Set(rest)).toEqual(new Set(overlay('production')));
  });

  test('runs another image with the settings, models and keys of production', () => {
    const stable = deploymentNamed(objects, 'diegate');
    const canary = deploymentNamed(objects, 'diegate-canary');
    expect(canary.environment).toEqual(stable.environment);
    expect(canary.pod.volumes).toEqual(stable.pod.volumes);
    expect(canary.container.image).not.toBe(stable.container.image);
    expect({ ...canary.container, image: '', envFrom: [] }).toEqual({
      ...stable.container,
      image: '',
      envFrom: [],
    });
  });

  test('gets a small share of the requests to the same host and path', () => {
    const [canary, stable] = ['diegate-canary', 'diegate'].map((name) =>
      present(all(objects, Ingress).find(({ metadata }) => metadata.name === name)),
    );
    expect(canary?.metadata.annotations?.[`${NGINX}/canary`]).toBe('true');
    const weight = Number(canary?.metadata.annotations?.[`${NGINX}/canary-weight`]);
    expect(weight).toBeGreaterThan(0);
    expect(weight).toBeLessThanOrEqual(20);
    expect(stable?.metadata.annotations).not.toHaveProperty([`${NGINX}/canary`]);
    const where = (ingress: typeof canary) =>
      ingress?.spec?.rules?.map(({ host, http }) => [host, http?.paths.map(({ path }) => path)]);
    expect(where(canary)).toEqual(where(stable));
  });
});

describe.skipIf(kustomizeMissing)('the edge', () => {
  test('is one small pod on arm64 with the models of the image', () => {
    const { spec, pod, container, environment } = deploymentNamed(overlay('edge'), 'diegate');
    expect(spec.replicas).toBe(1);
    expect(pod.nodeSelector).toEqual({ 'kubernetes.io/arch': 'arm64' });
    expect(readConfig(environment).MODEL_REPOSITORY).toBe(modelsOfImage);
    const large = deploymentNamed(overlay('production'), 'diegate').container;
    for (const resource of ['cpu', 'memory']) {
      expect(quantity(container.resources?.requests?.[resource])).toBeLessThan(
        quantity(large.resources?.requests?.[resource]),
      );
    }
    // What may be in memory of the bodies of 16 connections is a small part of the pod's.
    expect(16 * readConfig(environment).MAX_BODY_BYTES).toBeLessThan(
      quantity(container.resources?.limits?.memory) / 4,
    );
  });
});
