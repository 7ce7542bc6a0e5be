import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Health } from '../../../src/doors/grpc/messages/health-messages.js';
import { GRPCInferenceService } from '../../../src/doors/grpc/messages/inference-messages.js';
import { HAS_OPENSSL, makeCertificate } from '../../support/certificates.js';
import { callGrpc, connectGrpc } from '../../support/grpc-client.js';
import { send } from '../../support/http.js';
import { parseMetrics } from '../../support/metrics.js';
import { sumVersion, temporaryFolder } from '../../support/models.js';
import { startApp } from '../../support/start-app.js';

const { modelInfer, serverReady, serverMetadata, repositoryModelUnload } = GRPCInferenceService.method;
const versions = [sumVersion(3)];
const die = {
  modelName: 'sum',
  inputs: [{ name: 'test_params', datatype: 'FP32', shape: [1n, 3n] }],
  rawInputContents: [new Uint8Array(Float32Array.of(1, 2, 3).buffer)],
};

async function keysFile(): Promise<string> {
  const file = join(await temporaryFolder(), 'keys.json');
  const key = (id: string, permissions: string[]) => ({
    id,
    sha256: createHash('sha256').update(`secret-of-${id}`).digest('hex'),
    permissions,
  });
  const keys = [key('tester', ['predict']), key('reader', ['read']), key('admin', ['admin'])];
  await writeFile(file, JSON.stringify({ keys }));
  return file;
}

describe('with API keys', () => {
  test('a call needs the permission that its route over HTTP needs, by the same names', async () => {
    const { url } = await startApp({ versions, environment: { API_KEYS_FILE: await keysFile() } });
    const session = connectGrpc(url);
    const by = (id: string) => ({ 'x-api-key': `secret-of-${id}` });
    const statusOf = async (call: Promise<{ readonly status: number }>) => (await call).status;
    expect(await statusOf(callGrpc(session, modelInfer, [die]))).toBe(16);
    expect(await statusOf(callGrpc(session, modelInfer, [die], { 'x-api-key': 'unknown' }))).toBe(16);
    expect(await statusOf(callGrpc(session, modelInfer, [die], by('reader')))).toBe(7);
    expect(await statusOf(callGrpc(session, modelInfer, [die], by('tester')))).toBe(0);
    const bearer = { authorization: 'Bearer secret-of-tester' };
    expect(await statusOf(callGrpc(session, modelInfer, [die], bearer))).toBe(0);
    expect(await statusOf(callGrpc(session, serverMetadata, [{}], by('tester')))).toBe(7);
    expect(await statusOf(callGrpc(session, serverMetadata, [{}], by('reader')))).toBe(0);
    expect(
      await statusOf(callGrpc(session, repositoryModelUnload, [{ modelName: 'sum' }], by('tester'))),
    ).toBe(7);
    // The model of POST /predict is never unloaded: who may ask is told so.
    expect(
      await statusOf(callGrpc(session, repositoryModelUnload, [{ modelName: 'sum' }], by('admin'))),
    ).toBe(9);
    expect(await statusOf(callGrpc(session, serverReady, [{}]))).toBe(0);
    expect(await statusOf(callGrpc(session, Health.method.check, [{ service: 'sum' }]))).toBe(0);
  });

  test('a refused call names its caller in the log, and is counted by its method', async () => {
    const { url, log } = await startApp({ versions, environment: { API_KEYS_FILE: await keysFile() } });
    const session = connectGrpc(url);
    const metadata = { 'x-api-key': 'secret-of-tester', 'x-request-id': 'touchdown-7' };
    await callGrpc(session, modelInfer, [{ ...die, modelName: 'nope' }], metadata);
    const path = '/inference.GRPCInferenceService/ModelInfer';
    const line = await log.line(({ request_id }) => request_id === 'touchdown-7');
    expect(line).toMatchObject({ route: path, status: 404, key_id: 'tester' });
    const { body } = await send(`${url}/metrics`);
    const counted = parseMetrics(body).get('http_requests_total')?.samples ?? [];
    expect(counted.map(({ labels }) => labels)).toContainEqual({
      method: 'POST',
      route: path,
      status_class: '4xx',
    });
  });
});

test('where nobody is asked who they are, nobody takes models out of service', async () => {
  const { url } = await startApp({ versions });
  const { status } = await callGrpc(connectGrpc(url), repositoryModelUnload, [{ modelName: 'sum' }]);
  expect(status).toBe(12);
});

test('a caller over its rate is told when to come back', async () => {
  const { url } = await startApp({ versions, environment: { CALLER_RATE_LIMIT_PER_SECOND: '1' } });
  const session = connectGrpc(url);
  const first = await callGrpc(session, modelInfer, [die]);
  expect(first.status).toBe(0);
  expect(first.headers['ratelimit-policy']).toBeDefined();
  const second = await callGrpc(session, modelInfer, [die]);
  expect(second).toMatchObject({ status: 8, message: expect.stringContaining('1') });
  expect(second.headers).toMatchObject({ 'retry-after': '1', 'diegate-code': 'rate_limited' });
});

describe.skipIf(!HAS_OPENSSL)('with TLS (needs openssl)', () => {
  test('gRPC is served to who offers HTTP/2 alone, by certificates of the authority alone', async () => {
    const authority = await makeCertificate('authority');
    const server = await makeCertificate('server', authority);
    const tester = await makeCertificate('tester', authority);
    const environment = {
      TLS_CERT_FILE: server.certFile,
      TLS_KEY_FILE: server.keyFile,
      TLS_CLIENT_CA_FILE: authority.certFile,
    };
    const { port } = await startApp({ versions, environment });
    const url = `https://127.0.0.1:${port}`;
    const known = { ca: authority.cert, cert: tester.cert, key: tester.key };
    const answer = await callGrpc(connectGrpc(url, known), modelInfer, [die]);
    expect(answer.status).toBe(0);
    await expect(callGrpc(connectGrpc(url, { ca: authority.cert }), modelInfer, [die])).rejects.toThrow();
    const both = tls.connect({ host: '127.0.0.1', port, ...known, ALPNProtocols: ['h2', 'http/1.1'] });
    await once(both, 'secureConnect');
    expect(both.alpnProtocol).toBe('http/1.1');
    both.destroy();
  });
});
