import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigSchema } from '../../../src/config.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (file: string): unknown => parse(readFileSync(`${ROOT}${file}`, 'utf8'));

const ServiceSchema = z.strictObject({
  build: z.literal('.').optional(),
  image: z
    .string()
    .regex(/^[a-z/]+:v?\d+\.\d+\.\d+$/)
    .optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  ports: z.array(z.string().regex(/^(127\.0\.0\.1:)?\d+:\d+$/)),
  volumes: z.array(z.string()),
  healthcheck: z
    .strictObject({ test: z.array(z.string()), interval: z.string(), timeout: z.string(), retries: z.int() })
    .optional(),
  tmpfs: z.array(z.string()).optional(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  stop_grace_period: z.string().optional(),
  depends_on: z.array(z.string()).optional(),
  restart: z.literal('unless-stopped'),
});
const { services, volumes } = z
  .strictObject({ services: z.record(z.string(), ServiceSchema), volumes: z.record(z.string(), z.null()) })
  .parse(read('docker-compose.yml'));
const service = (name: string) => services[name] ?? expect.fail(`there is no service ${name}`);
/** The port that a service listens on, inside. */
const portOf = (name: string) => service(name).ports[0]?.split(':').at(-1);

test('one command starts diegate and what watches it', () => {
  expect(Object.keys(services)).toEqual(['diegate', 'prometheus', 'alertmanager', 'grafana']);
  for (const [name, { image, build, healthcheck }] of Object.entries(services)) {
    expect((image === undefined) !== (build === undefined), name).toBe(true);
    // diegate's is in its image.
    expect(healthcheck !== undefined, name).toBe(name !== 'diegate');
  }
});

test('what is mounted exists, read-only; what is written goes to a volume that is declared', () => {
  const named = new Set<string>();
  for (const [name, { volumes: mounts }] of Object.entries(services)) {
    for (const mount of mounts) {
      const [from = '', , mode] = mount.split(':');
      if (from.startsWith('./')) {
        expect(existsSync(ROOT + from), mount).toBe(true);
        expect(mode, mount).toBe('ro');
      } else {
        named.add(from);
        expect(from).toBe(name);
      }
    }
  }
  expect([...named].sort()).toEqual(Object.keys(volumes).sort());
});

test('diegate is given only settings that it has', () => {
  for (const name of Object.keys(service('diegate').environment ?? {})) {
    expect(Object.keys(ConfigSchema.shape)).toContain(name);
  }
});

test('each finds the next: Prometheus diegate and Alertmanager, Grafana Prometheus and its dashboard', () => {
  const targets = z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) });
  const prometheus = z
    .looseObject({
      scrape_configs: z.array(targets.extend({ job_name: z.string() })),
      alerting: z.object({ alertmanagers: z.array(targets) }),
    })
    .parse(read('monitoring/prometheus/prometheus.yml'));
  const diegate = prometheus.scrape_configs.find(({ job_name }) => job_name === 'diegate');
  expect(diegate?.static_configs).toEqual([{ targets: [`diegate:${portOf('diegate')}`] }]);
  expect(prometheus.alerting.alertmanagers[0]?.static_configs).toEqual([
    { targets: [`alertmanager:${portOf('alertmanager')}`] },
  ]);
  const datasource = readFileSync(
    `${ROOT}monitoring/grafana/provisioning/datasources/prometheus.yml`,
    'utf8',
  );
  expect(datasource).toContain(`url: http://prometheus:${portOf('prometheus')}\n`);
  const provider = readFileSync(`${ROOT}monitoring/grafana/provisioning/dashboards/diegate.yml`, 'utf8');
  const folder = /path: (\S+)/.exec(provider)?.[1] ?? '';
  expect(service('grafana').volumes).toContain(`./monitoring/grafana/dashboards:${folder}:ro`);
  expect(service('grafana').environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(
    `${folder}/diegate.json`,
  );
});

test('the configuration files that commands name are mounted there', () => {
  for (const name of ['prometheus', 'alertmanager']) {
    const file = service(name)
      .command?.find((flag) => flag.startsWith('--config.file='))
      ?.split('=')[1];
    const mounted = service(name).volumes.flatMap((mount) => {
      const [from = '', to = ''] = mount.split(':');
      return file?.startsWith(to) ? [from + file.slice(to.length)] : [];
    });
    expect(mounted, name).toHaveLength(1);
    expect(existsSync(`${ROOT}${mounted[0]}`), name).toBe(true);
  }
});
