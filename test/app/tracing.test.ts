import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { dieOf } from '../support/dies.js';
import { expectProblem, post, postBytes, RawConnection, send } from '../support/http.js';
import {
  manifestOf,
  sumVersion,
  temporaryFolder,
  throwingModel,
  writeRepository,
} from '../support/models.js';
import { type ExportedSpan, OtlpCollector } from '../support/otlp-collector.js';
import { linesOf, ServerProcess } from '../support/server-process.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` };
const PROBE = fileURLToPath(new URL('../support/loaded-modules.cjs', import.meta.url));

const WorkerStartedSchema = z.looseObject({ worker_pid: z.int() });
const LineSchema = z.looseObject({ level: z.string(), msg: z.string() });

async function serverWith(environment: Readonly<Record<string, string>> = {}) {
  const MODEL_REPOSITORY = await writeRepository([sumVersion(4)]);
  const server = new ServerProcess({ MODEL_REPOSITORY, ...environment });
  return { server, url: await server.url() };
}

/** Ends the server and gives its log; the spans that had ended are exported by then. */
async function logOf(server: ServerProcess): Promise<z.infer<typeof LineSchema>[]> {
  server.child.kill('SIGTERM');
  const { code, stdout } = await server.ended;
  expect(code).toBe(0);
  return linesOf(stdout).map((line) => LineSchema.parse(JSON.parse(line)));
}

const die = (changes = {}) => JSON.stringify(dieOf(changes, 4));

function only(spans: readonly ExportedSpan[]): ExportedSpan {
  const [first] = spans;
  if (first === undefined) return expect.fail('there is no such span');
  expect(spans).toHaveLength(1);
  return first;
}

function expectWithin(child: ExportedSpan, parent: ExportedSpan): void {
  // Placing a time to the nanosecond rounds it: a tenth of a microsecond may get lost.
  const slack = 1000n;
  expect(child.startTimeUnixNano).toBeGreaterThanOrEqual(parent.startTimeUnixNano - slack);
  expect(child.endTimeUnixNano).toBeLessThanOrEqual(parent.endTimeUnixNano + slack);
}

describe('without a collector', { timeout: 60_000 }, () => {
  test("the caller's trace id is in log lines and problem responses, and nowhere when there is none", async () => {
    const { server, url } = await serverWith();
    await post(`${url}/predict`, die({ die_id: 'traced' }), SAMPLED);
    await post(`${url}/predict`, die({ die_id: 'unsampled' }), { traceparent: `00-${TRACE}-${PARENT}-00` });
    await post(`${url}/predict`, die({ die_id: 'plain' }));
    await post(`${url}/predict`, die({ die_id: 'malformed' }), { traceparent: `00-${TRACE}-${PARENT}-1` });
    expect(expectProblem(await post(`${url}/predict`, '{', SAMPLED), 'invalid_json').trace_id).toBe(TRACE);
    expect(expectProblem(await send(`${url}/nothing`, { headers: SAMPLED }), 'not_found').trace_id).toBe(
      TRACE,
    );
    expect(expectProblem(await send(`${url}/%ff`, { headers: SAMPLED }), 'bad_request').trace_id).toBe(TRACE);
    const plain = await post(`${url}/predict`, '{');
    expect(expectProblem(plain, 'invalid_json')).not.toHaveProperty('trace_id');
    const lines = await logOf(server);
    const byDie = lines
      .filter(({ msg }) => msg === 'prediction')
      .map(({ die_id, trace_id }) => [die_id, trace_id]);
    expect(byDie).toEqual([
      ['traced', TRACE],
      ['unsampled', TRACE],
      ['plain', undefined],
      ['malformed', undefined],
    ]);
    expect(lines.filter(({ msg }) => msg === 'refused').map(({ trace_id }) => trace_id)).toEqual([
      TRACE,
      undefined,
    ]);
  });

  test('a sampled trace becomes an exemplar, an unsampled one does not', async () => {
    const { url } = await serverWith();
    const metrics = async () =>
      (await send(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })).body;
    await post(`${url}/predict`, die(), { traceparent: `00-${TRACE}-${PARENT}-00` });
    expect(await metrics()).not.toContain(TRACE);
    await post(`${url}/predict`, die(), SAMPLED);
    expect(await metrics()).toContain(`# {trace_id="${TRACE}"}`);
  });

  test('nothing of OpenTelemetry is loaded but the API that prom-client brings', async () => {
    const loaded = async (environment: Readonly<Record<string, string>>) => {
      const folder = join(await temporaryFolder(), 'loaded');
      await mkdir(folder);
      const probe = { NODE_OPTIONS: `--require ${PROBE}`, LOADED_MODULES_FOLDER: folder };
      const { server, url } = await serverWith({ ...environment, ...probe });
      expect((await post(`${url}/predict`, die(), SAMPLED)).status).toBe(200);
      await logOf(server);
      const reports = await Promise.all(
        (await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')),
      );
      expect(reports.join('\n'), 'the probe sees what is loaded').toContain('/node_modules/fastify/');
      const names = reports.join('\n').matchAll(/\/node_modules\/(@opentelemetry\/[^/]+)\//g);
      return [...new Set(Array.from(names, ([, name]) => name))].sort();
    };
    expect(await loaded({})).toEqual(['@opentelemetry/api']);
    // Port 9 of this machine has no listener; what matters is what is loaded.
    expect(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })).toContain(
      '@opentelemetry/sdk-trace',
    );
  });
});

describe('spans, as a collector sees them', { timeout: 60_000 }, () => {
  test('a request is the child of its caller; its wait is its child; the batch is linked to the wait', async () => {
    const collector = await OtlpCollector.start();
    const { server, url } = await serverWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20token',
      OTEL_SERVICE_NAME: 'gate-7',
      // Not ours to read, and so without effect.
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_SPAN_LINK_COUNT_LIMIT: '0',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
    });
    const answer = await post(`${url}/predict?explain=0`, die(), {
      ...SAMPLED,
      tracestate: 'fab=t1,other=2',
    });
    expect(answer.status).toBe(200);
    const lines = await logOf(server);
    expect(lines.find(({ msg }) => msg === 'prediction')?.trace_id).toBe(TRACE);

    expect(collector.requests[0]).toMatchObject({
      url: '/v1/traces',
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
    });
    expect(collector.resources[0]).toEqual({
      'service.name': 'gate-7',
      'service.version': expect.stringMatching(/^\d/),
    });
    expect(collector.spans.map(({ name }) => name).sort()).toEqual([
      'POST /predict',
      'batch',
      'inference',
      'queue',
    ]);
    const request = only(collector.named('POST /predict'));
    const queue = only(collector.named('queue'));
    const batch = only(collector.named('batch'));
    const inference = only(collector.named('inference'));
    expect(request).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, kind: 2, status: { code: 0 } });
    expect(request.traceState).toBe('fab=t1,other=2');
    expect(request.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/predict',
      'http.response.status_code': 200,
      'url.path': '/predict',
      'url.scheme': 'http',
      'diegate.request_id': answer.headers.get('x-request-id'),
      'diegate.model.name': 'sum',
      'diegate.model.version': '1',
      'diegate.dies': 1,
    });
    expect(queue).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId });
    expect(queue.attributes).toEqual({
      'diegate.model.name': 'sum',
      'diegate.model.version': '1',
      'diegate.dies': 1,
      'diegate.lane': 'realtime',
    });
    expect(batch.parentSpanId).toBeUndefined();
    expect(batch.traceId).not.toBe(TRACE);
    expect(batch.links).toMatchObject([{ traceId: TRACE, spanId: queue.spanId }]);
    expect(batch.attributes).toMatchObject({
      'diegate.dies': 1,
      'diegate.batch.calls': 1,
      'diegate.batch.reason': 'idle',
    });
    expect(request.links).toMatchObject([{ traceId: batch.traceId, spanId: batch.spanId }]);
    expect(inference).toMatchObject({ traceId: batch.traceId, parentSpanId: batch.spanId });
    expectWithin(queue, request);
    expectWithin(batch, request);
    expectWithin(inference, batch);
    expect(queue.endTimeUnixNano).toBe(batch.startTimeUnixNano);
    const ageMs = Date.now() - Number(request.startTimeUnixNano / 1_000_000n);
    expect(ageMs).toBeGreaterThanOrEqual(0);
    expect(ageMs).toBeLessThan(60_000);
  });

  test('a batch is linked to every call in it, and a call that was split to all of its batches', async () => {
    const collector = await OtlpCollector.start();
    const MODEL_REPOSITORY = await writeRepository([sumVersion(4, { batching: { maxBatchSize: 8 } })]);
    const { server, url } = await serverWith({
      MODEL_REPOSITORY,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    const dies = JSON.stringify(Array.from({ length: 20 }, (_, i) => dieOf({ die_id: `d${i}` }, 4)));
    expect((await post(`${url}/predict/batch`, dies, SAMPLED)).status).toBe(200);
    await logOf(server);
    const request = only(collector.named('POST /predict/batch'));
    const batches = collector.named('batch');
    const queues = collector.named('queue');
    expect(batches.map(({ attributes }) => attributes['diegate.dies']).sort()).toEqual([4, 8, 8]);
    expect(batches.flatMap(({ links }) => links.map(({ spanId }) => spanId)).sort()).toEqual(
      queues.map(({ spanId }) => spanId).sort(),
    );
    expect(request.links.map(({ spanId }) => spanId).sort()).toEqual(
      batches.map(({ spanId }) => spanId).sort(),
    );
    expect(new Set(queues.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([request.spanId]));
    expect(collector.spans.some(({ name }) => /d\d/.test(name))).toBe(false);
  });

  test('the caller decides what is sampled; a request without a traceparent begins a trace', async () => {
    const collector = await OtlpCollector.start();
    const { server, url } = await serverWith({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    await post(`${url}/predict`, die({ die_id: 'unsampled' }), { traceparent: `00-${TRACE}-${PARENT}-00` });
    await post(`${url}/predict`, die({ die_id: 'begun' }));
    await send(`${url}/health`, { headers: SAMPLED });
    const lines = await logOf(server);
    const request = only(collector.named('POST /predict'));
    expect(request.parentSpanId).toBeUndefined();
    const traceOf = (id: string) => lines.find(({ die_id }) => die_id === id)?.trace_id;
    expect(traceOf('begun')).toBe(request.traceId);
    expect(traceOf('unsampled')).toBe(TRACE);
    expect(collector.spans.map(({ traceId }) => traceId)).not.toContain(TRACE);
    expect(collector.spans).toHaveLength(4);
  });

  test('with a share of 0 only what the caller samples is traced', async () => {
    const collector = await OtlpCollector.start();
    const { server, url } = await serverWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    await post(`${url}/predict`, die({ die_id: 'plain' }));
    const problem = expectProblem(await post(`${url}/predict`, '{'), 'invalid_json');
    expect(problem).not.toHaveProperty('trace_id');
    await post(`${url}/predict`, die(), SAMPLED);
    const lines = await logOf(server);
    expect(lines.find(({ die_id }) => die_id === 'plain')).not.toHaveProperty('trace_id');
    expect(only(collector.named('POST /predict')).traceId).toBe(TRACE);
    // The batch of a sampled die is traced whatever the share.
    expect(collector.spans).toHaveLength(4);
  });

  test('a refusal that is the fault of the caller is no error; one of the server is', async () => {
    const collector = await OtlpCollector.start();
    const onnx = throwingModel(4);
    const MODEL_REPOSITORY = await writeRepository([
      { onnx, manifest: manifestOf(onnx, 4, { name: 'thrower' }) },
    ]);
    const { server, url } = await serverWith({
      MODEL_REPOSITORY,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    const refused = expectProblem(await post(`${url}/predict`, '{'), 'invalid_json');
    const bad = die({ test_params: [10, 0, 0, 0] });
    const failed = expectProblem(await post(`${url}/predict`, bad), 'inference_failed');
    await logOf(server);
    const requestOf = ({ trace_id }: { trace_id?: string | undefined }) =>
      only(collector.named('POST /predict').filter(({ traceId }) => traceId === trace_id));
    expect(requestOf(refused)).toMatchObject({
      status: { code: 0 },
      attributes: { 'http.response.status_code': 400, 'diegate.refusal': 'invalid_json' },
    });
    expect(requestOf(refused).attributes).not.toHaveProperty('error.type');
    expect(requestOf(failed)).toMatchObject({
      status: { code: 2, message: failed.detail },
      attributes: { 'http.response.status_code': 503, 'error.type': 'inference_failed' },
    });
    const batch = only(collector.named('batch'));
    expect(batch).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'threw' } });
    expect(collector.named('inference')).toEqual([]);
    expect(requestOf(failed).links).toMatchObject([{ spanId: batch.spanId }]);
  });

  test('a client that goes before it is answered ends its span as an error', async () => {
    const collector = await OtlpCollector.start();
    const { server, url } = await serverWith({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const started = WorkerStartedSchema.parse(JSON.parse(await server.logs(/"worker started"/)));
    process.kill(started.worker_pid, 'SIGSTOP');
    // A stopped process would outlive its server: it cannot see that the server has gone.
    onTestFinished(() => {
      spawnSync('kill', ['-9', String(started.worker_pid)]);
    });
    const port = Number(new URL(url).port);
    // The one worker is busy with the first die, so that the second one waits.
    const busy = await RawConnection.open(port);
    busy.write(postBytes('/predict', die(), ['x-deadline-ms: 60000']));
    await send(`${url}/health`);
    const connection = await RawConnection.open(port);
    connection.write(postBytes('/predict', die(), ['x-deadline-ms: 60000']));
    await untilMetric(url, /^queue_depth_dies\{.*\} 1$/m);
    connection.socket.destroy();
    await collector.until(({ spans }) => spans.length === 2);
    expect(only(collector.named('POST /predict'))).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': 'client_gone' },
    });
    expect(only(collector.named('queue'))).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': 'cancelled' },
    });
  });
});

describe('a collector that is not well', { timeout: 60_000 }, () => {
  test.each([
    ['refuses connections', undefined],
    ['answers 500', 500],
    ['answers 503', 503],
    ['never answers', 0],
  ])('%s: dies are answered, the end is graceful and the log says it once at most', async (_, status) => {
    const collector = await OtlpCollector.start();
    collector.status = status ?? 200;
    const endpoint = status === undefined ? `http://127.0.0.1:${await closedPort()}` : collector.url;
    const { server, url } = await serverWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      SHUTDOWN_GRACE_MS: '4000',
    });
    for (let i = 0; i < 50; i++) expect((await post(`${url}/predict`, die(), SAMPLED)).status).toBe(200);
    if (status !== undefined) await collector.until(({ requests }) => requests.length > 0);
    for (let i = 0; i < 50; i++) expect((await post(`${url}/predict`, die(), SAMPLED)).status).toBe(200);
    if (status === 500) {
      await server.logs(/traces could not be exported/);
      const metrics = (await send(`${url}/metrics`)).body;
      expect(metrics).toMatch(/^trace_spans_dropped_total\{reason="export_failed"\} [1-9]/m);
    }
    const lines = await logOf(server);
    const warnings = lines.filter(({ level }) => level === 'warn' || level === 'error');
    expect(warnings.length).toBeLessThanOrEqual(1);
    for (const { msg } of warnings) expect(msg).toBe('traces could not be exported');
  });
});

/** Resolves when the metrics of a server match. */
async function untilMetric(url: string, pattern: RegExp): Promise<void> {
  for (;;) if (pattern.test((await send(`${url}/metrics`)).body)) return;
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : expect.fail('no TCP address');
}
