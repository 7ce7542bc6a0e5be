import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IProbe } from 'kubernetes-models/v1/Probe';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.js';
import { ConfigSchema, readConfig } from '../../src/config.js';
import { send } from '../support/http.js';
import { parseMetrics } from '../support/metrics.js';
import { sumVersion, temporaryFolder } from '../support/models.js';
import { startApp } from '../support/start-app.js';
import {
  all,
  CronJob,
  HorizontalPodAutoscaler,
  Ingress,
  Job,
  only,
  PrometheusRule,
  ScaledObject,
  Secret,
  Service,
  ServiceMonitor,
  unknownFields,
  wrongValues,
} from './kinds.js';
import { K8S, kustomizeMissing, OVERLAYS, overlay, readObjects } from './kustomize.js';
import { deployments, present } from './pods.js';
import { metricsIn } from './promql.js';

const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
/** Metrics of others that rules may read: of Prometheus, kube-state-metrics and the kubelet. */
const OF_OTHERS = /^(up$|ALERTS$|kube_|container_|kubelet_)/;

const OpenApiSchema = z.object({ paths: z.record(z.string(), z.unknown()) });
/** Routes for the kubelet, for Prometheus and for operators; nothing outside of the cluster calls them. */
const INTERNAL = /^\/(health|ready|metrics|admin(\/.*)?)$/;

const each = OVERLAYS.flatMap((name) =>
  kustomizeMissing === undefined
    ? deployments(overlay(name)).map((deployment) => ({ overlay: name, name: deployment.name, deployment }))
    : [],
);

describe.skipIf(kustomizeMissing)('the manifests fit the server', () => {
  test.each(each)('$overlay: $name has only settings that the server reads', ({ deployment }) => {
    for (const name of Object.keys(deployment.environment))
      expect(Object.keys(ConfigSchema.shape)).toContain(name);
    expect(() => readConfig(deployment.environment)).not.toThrow();
  });

  test.each(each)('$overlay: $name opens the port that the server and the image have', ({ deployment }) => {
    const { PORT } = readConfig(deployment.environment);
    expect(deployment.container.ports).toEqual([{ name: 'http', containerPort: PORT }]);
    expect(/^EXPOSE (\d+)$/m.exec(dockerfile)?.[1]).toBe(String(PORT));
  });

  test.each(each)('$overlay: $name runs as the user of the image', ({ deployment }) => {
    const { runAsUser, runAsGroup } = present(deployment.pod.securityContext);
    expect(/^USER (\S+)$/m.exec(dockerfile)?.[1]).toBe(`${runAsUser}:${runAsGroup}`);
  });

  test.each(each)('$overlay: $name has a stand-by for its worker, but for the small edge', (one) => {
    expect(readConfig(one.deployment.environment).STANDBY_WORKERS).toBe(one.overlay === 'edge' ? 0 : 1);
  });

  test.each(each)('$overlay: $name is killed only after the server has ended by itself', ({ deployment }) => {
    const { SHUTDOWN_GRACE_MS, SHUTDOWN_DELAY_MS } = readConfig(deployment.environment);
    const pauseS = present(deployment.container.lifecycle?.preStop?.sleep?.seconds);
    const graceS = present(deployment.pod.terminationGracePeriodSeconds);
    expect(graceS).toBeGreaterThan(pauseS + SHUTDOWN_GRACE_MS / 1000);
    // The delay asks connections to leave; what remains of the grace answers the dies in flight.
    expect(SHUTDOWN_DELAY_MS).toBeGreaterThan(0);
    expect(SHUTDOWN_GRACE_MS).toBeGreaterThan(2 * SHUTDOWN_DELAY_MS);
  });

  test('the probes of every overlay mean what Kubernetes takes them for', async () => {
    const { app, url } = await startApp({ versions: [sumVersion(4)], load: false });
    const expectAnswers = async (when: string, expected: { ready: number; health: number }) => {
      for (const { startup, readiness, liveness } of probes()) {
        expect((await send(url + startup)).status, `startup ${when}`).toBe(expected.ready);
        expect((await send(url + readiness)).status, `readiness ${when}`).toBe(expected.ready);
        expect((await send(url + liveness)).status, `liveness ${when}`).toBe(expected.health);
      }
    };
    await expectAnswers('while models are loaded', { ready: 503, health: 200 });
    await app.load();
    await expectAnswers('when ready', { ready: 200, health: 200 });
    app.drain();
    await expectAnswers('while it drains', { ready: 503, health: 200 });
  });

  test('the example of the Secret is a file of keys, and probes and scrapes need none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-keys-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'keys.json');
    const secret = all(readObjects('examples/secrets.yaml'), Secret).find(
      ({ metadata }) => metadata.name === 'diegate-api-keys',
    );
    await writeFile(file, present(secret?.stringData?.['keys.json']));
    const { url } = await startApp({ versions: [sumVersion(4)], environment: { API_KEYS_FILE: file } });
    expect((await send(`${url}/models`)).status).toBe(401);
    const monitors = OVERLAYS.flatMap((name) => all(overlay(name), ServiceMonitor));
    const scraped = monitors.flatMap(({ spec }) => spec.endpoints.map(({ path }) => present(path)));
    expect(scraped).toContain('/metrics');
    for (const path of new Set([...scraped, ...probes().flatMap((paths) => Object.values(paths))])) {
      expect((await send(url + path)).status, path).toBe(200);
    }
  });

  test('the Ingress lets in every route but those for the cluster itself', async () => {
    const { url } = await startApp({ versions: [sumVersion(4)] });
    const { paths } = OpenApiSchema.parse(JSON.parse((await send(`${url}/openapi.json`)).body));
    const routes = ['/docs', '/openapi.json', ...Object.keys(paths)];
    const { spec } = only(overlay('production'), Ingress);
    const open = present(spec?.rules).flatMap(({ http }) => present(http).paths);
    const isLetIn = (route: string) =>
      open.some(({ path = '', pathType }) => {
        return route === path || (pathType === 'Prefix' && route.startsWith(`${path}/`));
      });
    const kept = routes.filter((route) => !isLetIn(route));
    expect(kept.filter((route) => !INTERNAL.test(route))).toEqual([]);
    expect(routes.filter(isLetIn).filter((route) => INTERNAL.test(route))).toEqual([]);
    expect(kept).toContain('/metrics');
  });

  test('every metric that scales or alerts is one that the server has', async () => {
    const { url } = await startApp({
      versions: [sumVersion(4)],
      environment: { RECORDS_DIR: await temporaryFolder() },
    });
    const families = parseMetrics((await send(`${url}/metrics`)).body);
    const known = new Set(
      [...families].flatMap(([name, { type }]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const rules = ruleGroups().flatMap((group) => group.rules ?? []);
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const read = [
      ...rules.flatMap(({ expr }) => metricsIn(String(expr))),
      ...adapterRules().flatMap(({ seriesQuery }) => metricsIn(seriesQuery)),
      ...kedaQueries().flatMap(metricsIn),
    ];
    expect(read.length).toBeGreaterThan(5);
    const unknown = read.filter((name) => !known.has(name) && !recorded.has(name) && !OF_OTHERS.test(name));
    expect(unknown).toEqual([]);
  });

  test('a gauge that scales has a series before the first die, so that an idle pod counts as idle', async () => {
    const { url } = await startApp({ versions: [sumVersion(4)] });
    await send(`${url}/ready`);
    const families = parseMetrics((await send(`${url}/metrics`)).body);
    for (const name of ['queue_depth_dies', 'http_requests_total']) {
      expect(families.get(name)?.samples, name).not.toEqual([]);
    }
  });

  test('the autoscaler asks the adapter for metrics that its rules make', () => {
    const { spec } = only(overlay('production'), HorizontalPodAutoscaler);
    const asked = (spec?.metrics ?? []).flatMap(({ pods }) => pods?.metric.name ?? []);
    expect(asked).toEqual(adapterRules().map(({ name }) => name.as));
  });

  test('KEDA reads the series of the stable Service, by the labels that the ServiceMonitor gives them', () => {
    const { metadata } = present(
      overlay('keda').find(({ kind, metadata: { name } }) => kind === Service.kind && name === 'diegate'),
    );
    for (const query of kedaQueries()) {
      expect(query).toContain(`{namespace="${metadata.namespace}",service="${metadata.name}"}`);
    }
  });
});

describe('the examples for archives', () => {
  const ofBackup = readObjects('examples/backup-models.yaml');
  const ofRestore = readObjects('examples/restore-models.yaml');

  test('have only known fields and allowed values', () => {
    expect(wrongValues([...ofBackup, ...ofRestore])).toEqual([]);
    expect(unknownFields([...ofBackup, ...ofRestore])).toEqual([]);
  });

  test('write an archive, prove it, and bring the repository back from it, in a folder of the volume', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diegate-archives-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, 'backups'));
    await mkdir(join(folder, 'models/repository/x/1'), { recursive: true });
    const model = join(folder, 'models/repository/x/1/model.onnx');
    await writeFile(join(folder, 'models/repository/serving.json'), '{}');
    await writeFile(model, 'as it was');
    const run = async (args: readonly string[] | undefined) => {
      const here = present(args).map((arg) =>
        arg.replace(/\$\((JOB|ARCHIVE)\)/, (_, name) => (name === 'JOB' ? 'one' : 'one.tar.gz')),
      );
      const program = await createProgram({ serve: async () => {}, health: async () => {}, environment: {} });
      await program.parseAsync(
        here.map((arg) => arg.replace(/^\/(models|backups)\//, `${folder}/$1/`)),
        { from: 'user' },
      );
    };

    const nightly = present(only(ofBackup, CronJob).spec?.jobTemplate.spec?.template.spec);
    for (const { args } of [...present(nightly.initContainers), ...nightly.containers]) await run(args);
    await writeFile(model, 'spoilt');
    const restore = present(only(ofRestore, Job).spec?.template.spec);
    await run(restore.containers[0]?.args);

    expect(await readFile(model, 'utf8')).toBe('as it was');
  });
});

/** The paths that each Deployment is probed at, through its named port. */
function probes() {
  return each.map(({ deployment: { container } }) => {
    const pathOf = (probe: IProbe | undefined) => {
      expect(probe?.httpGet?.port).toBe('http');
      return present(probe?.httpGet?.path);
    };
    return {
      startup: pathOf(container.startupProbe),
      readiness: pathOf(container.readinessProbe),
      liveness: pathOf(container.livenessProbe),
    };
  });
}

function ruleGroups() {
  return only(overlay('production'), PrometheusRule).spec.groups ?? [];
}

function kedaQueries(): string[] {
  const { triggers } = only(overlay('keda'), ScaledObject).spec;
  return triggers.flatMap(({ metadata }) => metadata.query ?? []);
}

const AdapterSchema = z.object({
  rules: z.object({
    custom: z.array(
      z.object({ seriesQuery: z.string(), name: z.object({ as: z.string() }), metricsQuery: z.string() }),
    ),
  }),
});

function adapterRules() {
  const text = readFileSync(`${K8S}/examples/prometheus-adapter-values.yaml`, 'utf8');
  return AdapterSchema.parse(parse(text)).rules.custom;
}
