import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GRPCInferenceService } from '../../../src/doors/grpc/messages/inference-messages.js';
import { callGrpc, connectGrpc } from '../../support/grpc-client.js';
import { sumVersion, temporaryFolder, writeRepository } from '../../support/models.js';
import { OtlpCollector } from '../../support/otlp-collector.js';
import { ServerProcess } from '../../support/server-process.js';

const { modelInfer } = GRPCInferenceService.method;
const die = {
  modelName: 'sum',
  inputs: [{ name: 'test_params', datatype: 'FP32', shape: [1n, 3n] }],
  rawInputContents: [new Uint8Array(12)],
};

async function started(environment: Readonly<Record<string, string>>) {
  const MODEL_REPOSITORY = await writeRepository([sumVersion(3)]);
  const server = new ServerProcess({ MODEL_REPOSITORY, ...environment });
  const url = await server.url();
  return {
    url,
    async end() {
      server.child.kill('SIGTERM');
      expect((await server.ended).code).toBe(0);
    },
  };
}

describe('what is loaded for gRPC', () => {
  const loadedWith = async (environment: Readonly<Record<string, string>>, calls = 0) => {
    // At its end a process says what it has run, of every file that it has loaded.
    const folder = await temporaryFolder();
    const { url, end } = await started({ ...environment, NODE_V8_COVERAGE: folder });
    for (let i = 0; i < calls; i++)
      expect((await callGrpc(connectGrpc(url), modelInfer, [die])).status).toBe(0);
    await end();
    const reports = await Promise.all(
      (await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')),
    );
    expect(reports.join('\n'), 'the report has what is loaded').toContain('/doors/http/server.js');
    return reports.some((report) => report.includes('/doors/grpc/') || report.includes('@bufbuild/protobuf'));
  };

  test('is nothing before somebody speaks HTTP/2, unless the settings say so', async () => {
    expect(await loadedWith({})).toBe(false);
    expect(await loadedWith({}, 1)).toBe(true);
    expect(await loadedWith({ GRPC: 'preload' })).toBe(true);
    expect(await loadedWith({ GRPC: 'off' })).toBe(false);
  });
});

test('a call is a span of its caller, and its wait a span of it, as over HTTP', async () => {
  const collector = await OtlpCollector.start();
  const { url, end } = await started({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  const [traceId, parentSpanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  const metadata = { traceparent: `00-${traceId}-${parentSpanId}-01` };
  expect((await callGrpc(connectGrpc(url), modelInfer, [die], metadata)).status).toBe(0);
  await end();
  const path = '/inference.GRPCInferenceService/ModelInfer';
  const [call] = collector.named(`POST ${path}`);
  expect(call).toMatchObject({ traceId, parentSpanId, status: { code: 0 } });
  expect(call?.attributes).toMatchObject({
    'http.route': path,
    'http.response.status_code': 200,
    'diegate.model.name': 'sum',
    'diegate.dies': 1,
  });
  expect(collector.named('queue')[0]).toMatchObject({ traceId, parentSpanId: call?.spanId });
});
