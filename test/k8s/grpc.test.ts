import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { readConfig } from '../../src/config.js';
import { file_health } from '../../src/doors/grpc/messages/health-messages.js';
import { file_inference } from '../../src/doors/grpc/messages/inference-messages.js';
import { file_reflection } from '../../src/doors/grpc/messages/reflection-messages.js';
import { all, Service, unknownFields, wrongValues } from './kinds.js';
import { build, K8S, kustomizeMissing, readObjects } from './kustomize.js';
import { deployments, present } from './pods.js';

/** What of a GRPCRoute (gateway.networking.k8s.io/v1) is used here; its schemas are in no package for the oldest Node. */
const RouteSchema = z.strictObject({
  apiVersion: z.literal('gateway.networking.k8s.io/v1'),
  kind: z.literal('GRPCRoute'),
  metadata: z.strictObject({ name: z.string(), namespace: z.string() }),
  spec: z.strictObject({
    parentRefs: z.array(z.strictObject({ name: z.string(), namespace: z.string(), sectionName: z.string() })),
    hostnames: z.array(z.string().regex(/^[a-z0-9.-]{1,253}$/)).max(16),
    rules: z.array(
      z.strictObject({
        matches: z.array(z.strictObject({ method: z.strictObject({ service: z.string() }) })).max(64),
        backendRefs: z.array(z.strictObject({ name: z.string(), port: z.int().min(1).max(65_535) })),
      }),
    ),
  }),
});

test.skipIf(kustomizeMissing)(
  'the component grpc serves gRPC to clients in the cluster, and is asked by it whether it is ready',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-overlay-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cp(K8S, join(folder, 'k8s'), { recursive: true });
    const overlay = join(folder, 'k8s/overlays/grpc');
    await mkdir(overlay);
    await writeFile(
      join(overlay, 'kustomization.yaml'),
      JSON.stringify({
        resources: ['../production'],
        components: ['../../components/grpc'],
        namespace: 'diegate',
      }),
    );
    const objects = build(overlay);
    expect(wrongValues(objects)).toEqual([]);
    expect(unknownFields(objects)).toEqual([]);
    const { container, environment } = present(deployments(objects)[0]);
    const config = readConfig(environment);
    expect(config.GRPC).toBe('preload');
    expect(config.GRPC_MAX_CONNECTION_AGE_MS).toBeGreaterThan(0);
    expect(container.readinessProbe?.httpGet).toBeUndefined();
    expect(container.readinessProbe?.grpc).toEqual({ port: config.PORT });

    const service = present(all(objects, Service).find(({ metadata }) => metadata.name === 'diegate-grpc'));
    expect(service.metadata.labels).not.toMatchObject({ 'app.kubernetes.io/name': 'diegate' });
    const [port] = present(service.spec?.ports);
    expect(port).toMatchObject({ targetPort: 'http', appProtocol: 'kubernetes.io/h2c' });
    const route = routeExample();
    expect(route.metadata.namespace).toBe(service.metadata.namespace);
    expect(route.spec.rules.flatMap(({ backendRefs }) => backendRefs)).toEqual([
      { name: service.metadata.name, port: port?.port },
    ]);
  },
);

test('the example of a GRPCRoute leads to services that the server has', () => {
  const served = [file_inference, file_health, file_reflection].flatMap(({ services }) =>
    services.map(({ typeName }) => typeName),
  );
  const named = routeExample().spec.rules.flatMap(({ matches }) =>
    matches.map(({ method }) => method.service),
  );
  expect(named).toEqual(served);
});

function routeExample() {
  const [route] = readObjects('examples/grpc-route.yaml');
  return RouteSchema.parse(route);
}
