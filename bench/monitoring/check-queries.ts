import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { closedLoop } from '../load/closed-loop.js';
import { batchBinary, batchJson, singleBinary, singleJson } from '../load/dies.js';
import { freePort, SHIPPED, startDiegate } from '../servers/start.js';
import { isPrometheusHere, Prometheus } from './prometheus.js';
import {
  documentedMetrics,
  familyOf,
  metricNames,
  panelQueries,
  type Query,
  readDashboard,
  readRules,
  substituted,
} from './queries.js';
import { createTracedMetrics, TRACE_ID } from './traced-metrics.js';

/**
 * npm run check:monitoring [-- --seconds 20]: a real Prometheus scrapes a real diegate under load, and every
 * query of the dashboard and every rule is run. Exits with 1 on an error, on an empty answer where the metrics
 * are there, and on a metric that nobody documents. Where there is no Prometheus it says so and exits with 0.
 */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const { values: options } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } });
const SECONDS = Number(options.seconds);
const RATE_INTERVAL = '10s';
/** The version that cannot be loaded, so that a fallback answers for it. */
const FALLING_BACK = '3';
/** Of the shadow: so low that it decides otherwise. */
const SHADOW_THRESHOLD = 0.01;

/** What cannot have an answer within a minute, and why. */
const EMPTY_BY_NATURE: Readonly<Record<string, string>> = {
  'job_service:prediction_requests:usual': 'needs a day of data',
  'job_model:prediction_fails:ratio_rate7d': 'needs a day of data',
  'job_service:prediction_availability:ratio_30d': 'is evaluated once in five minutes',
};

const say = (line: string) => process.stdout.write(`${line}\n`);

if (isPrometheusHere()) process.exitCode = (await check()) === 0 ? 0 : 1;
else say('skipped: no prometheus on the PATH (Debian: apt-get install prometheus)');

/** @returns the number of faults found */
async function check(): Promise<number> {
  const port = await freePort();
  const traced = createServer(createTracedMetrics()).listen(port, '127.0.0.1');
  try {
    const repository = await writeRepository();
    try {
      const diegate = await startDiegate(repository, { INFERENCE_WORKERS: '1', EXPRESS_DIES: '16' });
      try {
        return await checkWith(diegate.port, port);
      } finally {
        await diegate.stop();
      }
    } finally {
      await rm(repository, { recursive: true, force: true });
    }
  } finally {
    traced.close();
    traced.closeAllConnections();
  }
}

/** The shipped model as a version that answers, a shadow of it, and one that cannot be loaded and falls back. */
async function writeRepository(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'diegate-monitoring-'));
  const manifest = z
    .looseObject({ outputs: z.looseObject({}) })
    .parse(JSON.parse(await readFile(`${SHIPPED.folder}/manifest.json`, 'utf8')));
  const { model } = SHIPPED;
  for (const [version, changes] of Object.entries({
    1: {},
    2: { threshold: SHADOW_THRESHOLD },
    [FALLING_BACK]: {
      outputs: { ...manifest.outputs, score: 'no_such_output' },
      fallback: { by: 'version', version: '1' },
    },
  })) {
    const folder = join(root, model, version);
    await cp(SHIPPED.folder, folder, { recursive: true });
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, version, ...changes }));
  }
  const serving = { defaultModel: model, models: { [model]: { default: '1', shadow: ['2'] } } };
  await writeFile(join(root, 'serving.json'), JSON.stringify(serving));
  return root;
}

/** @param tracedPort where the metrics with exemplars are */
async function checkWith(port: number, tracedPort: number): Promise<number> {
  const prometheus = await Prometheus.start(`${ROOT}monitoring/prometheus`, {
    diegate: `127.0.0.1:${port}`,
    traced: `127.0.0.1:${tracedPort}`,
  });
  try {
    await load(port);
    return (await runQueries(prometheus, port)) + (await checkExemplars(prometheus));
  } finally {
    await prometheus.stop();
  }
}

/** A little of everything: single dies and batches, both formats, refusals, outcomes, a fallback, drift. */
async function load(port: number): Promise<void> {
  const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`;
  const loads = [singleJson(), singleBinary(), batchJson(16), batchBinary(16)];
  const post = (path: string, body: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
  const die = singleJson().body.toString();
  const rounds = 2;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 5; i++) await (await post('/predict', '{')).arrayBuffer();
    await (await post(`/models/${SHIPPED.model}/outcomes`, outcomes())).arrayBuffer();
    for (const one of loads) {
      await closedLoop(
        port,
        { ...one, headers: { ...one.headers, traceparent } },
        { connections: 4, seconds: Math.max(1, SECONDS / loads.length / rounds) },
      );
      await (await post(`/models/${SHIPPED.model}/versions/${FALLING_BACK}/predict`, die)).arrayBuffer();
    }
    // What the workers have counted is fetched and judged for a report.
    await (await fetch(`http://127.0.0.1:${port}/models/${SHIPPED.model}/versions/1/drift`)).arrayBuffer();
  }
}

function outcomes(): string {
  return JSON.stringify(
    Array.from({ length: 300 }, (_, i) => ({
      die_id: `wafer123_die${i}`,
      model_version: '1',
      prediction: i % 10 === 0 ? 'fail' : 'pass',
      actual: i % 10 === 0 || i % 50 === 1 ? 'fail' : 'pass',
    })),
  );
}

async function runQueries(prometheus: Prometheus, port: number): Promise<number> {
  const live = await liveFamilies(port);
  const documented = new Set(
    documentedMetrics(readFileSync(`${ROOT}docs/observability.md`, 'utf8')).map(({ name }) => name),
  );
  const names = await prometheus.names();
  const rules = readRules(`${ROOT}monitoring/prometheus/rules/recording.yml`);
  const alerts = readRules(`${ROOT}monitoring/prometheus/rules/alerts.yml`);
  const recorded = new Set(rules.map(nameOf));
  let faults = 0;
  say('| query | series | |\n|---|---|---|');

  const run = async ({ where, expr }: Query, mayBeEmpty: boolean): Promise<void> => {
    const reads = metricNames(expr);
    const unknown = reads.filter((name) => {
      const family = familyOf(name, new Set([...live, ...documented]));
      return !recorded.has(name) && !live.has(family) && !documented.has(family) && name !== 'up';
    });
    const missing = reads.filter((name) => !names.has(name));
    const { series, verdict } = await ask(prometheus, expr);
    const isEmpty = series === 0 && !mayBeEmpty && missing.length === 0;
    const fault =
      verdict ??
      (unknown.length > 0 ? `nobody documents ${unknown.join(', ')}` : isEmpty ? 'EMPTY' : undefined);
    if (fault !== undefined) faults++;
    const note = missing.length > 0 ? `without ${missing.join(', ')} in this run` : '';
    say(`| ${where} | ${series} | ${fault ?? note} |`);
  };
  for (const { where, expr } of panelQueries(
    readDashboard(`${ROOT}monitoring/grafana/dashboards/diegate.json`),
  )) {
    await run({ where: `panel ${where}`, expr: substituted(expr, RATE_INTERVAL) }, false);
  }
  for (const rule of rules) {
    await run({ where: `record ${nameOf(rule)}`, expr: rule.expr }, nameOf(rule) in EMPTY_BY_NATURE);
  }
  for (const rule of alerts) await run({ where: `alert ${nameOf(rule)}`, expr: rule.expr }, true);
  for (const { name, health, lastError = '' } of await prometheus.rulesNotOk()) {
    if (health === 'unknown' && name in EMPTY_BY_NATURE) continue;
    faults++;
    say(`rule ${name}: ${health} ${lastError}`);
  }
  say(faults === 0 ? '\nEvery query has its answer.' : `\n${faults} faults.`);
  return faults;
}

async function ask(prometheus: Prometheus, expr: string): Promise<{ series: number; verdict?: string }> {
  try {
    return { series: await prometheus.series(expr) };
  } catch (error) {
    return { series: 0, verdict: error instanceof Error ? error.message : String(error) };
  }
}

async function liveFamilies(port: number): Promise<Set<string>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name));
}

/** Whether Prometheus has kept the exemplars that it was shown. */
async function checkExemplars(prometheus: Prometheus): Promise<number> {
  const kept = await prometheus.traceIds('prediction_latency_seconds_bucket{job="traced"}');
  const ours = await prometheus.traceIds('prediction_latency_seconds_bucket{job="diegate"}');
  say(`exemplars: ${kept.length} of the renderer's metrics, ${ours.length} of diegate's under load`);
  return kept.includes(TRACE_ID) && ours.length > 0 ? 0 : 1;
}

function nameOf(rule: ReturnType<typeof readRules>[number]): string {
  return 'record' in rule ? rule.record : rule.alert;
}
