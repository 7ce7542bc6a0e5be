import { once } from 'node:events';
import http2 from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { encodeHeaders } from '../../../src/doors/grpc/http2/hpack.js';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../src/doors/grpc/messages/health-messages.js';
import { GRPCInferenceService } from '../../../src/doors/grpc/messages/inference-messages.js';
import { callGrpc, connectGrpc, frame } from '../../support/grpc-client.js';
import { post, send } from '../../support/http.js';
import { parseMetrics } from '../../support/metrics.js';
import { manifestOf, slowModel, sumVersion } from '../../support/models.js';
import { startApp } from '../../support/start-app.js';
import { frame as http2Frame, PREFACE, RawClient, REQUEST, SETTINGS } from './http2/support.js';

const { modelInfer, modelStreamInfer, serverReady } = GRPCInferenceService.method;
const path = '/inference.GRPCInferenceService/ModelInfer';
const versions = [sumVersion(3)];

const dieOf = (model: string, parameters: number) => ({
  modelName: model,
  inputs: [{ name: 'test_params', datatype: 'FP32', shape: [1n, BigInt(parameters)] }],
  rawInputContents: [new Uint8Array(4 * parameters)],
});
const bytesOf = (model: string, parameters: number) =>
  frame(toBinary(modelInfer.input, create(modelInfer.input, dieOf(model, parameters))));

/** A version that takes tens of milliseconds a die, one die at a time. */
function slowVersion() {
  const onnx = slowModel(512, 3000);
  return {
    onnx,
    manifest: manifestOf(onnx, 512, {
      name: 'slow',
      batching: { maxBatchSize: 1, defaultDeadlineMs: 60_000 },
    }),
  };
}

async function outcomes(url: string): Promise<Record<string, number>> {
  const { body } = await send(`${url}/metrics`);
  const samples = parseMetrics(body).get('model_requests_total')?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.status, value]));
}

async function queued(url: string): Promise<number> {
  const { body } = await send(`${url}/metrics`);
  const samples = parseMetrics(body).get('queue_depth_dies')?.samples ?? [];
  return samples.reduce((sum, { value }) => sum + value, 0);
}

describe('a call', () => {
  test('ends by its own deadline, also while its die waits', async () => {
    const { url } = await startApp({ versions: [slowVersion()] });
    const session = connectGrpc(url);
    const [first, second] = await Promise.all([
      callGrpc(session, modelInfer, [dieOf('slow', 512)]),
      callGrpc(session, modelInfer, [dieOf('slow', 512)], { 'grpc-timeout': '5m' }),
    ]);
    expect(first.status).toBe(0);
    expect(second).toMatchObject({ status: 4, message: expect.stringContaining('deadline') });
  });

  test('that is cancelled gives its place in the queue back', async () => {
    const { url, app } = await startApp({ versions: [slowVersion()] });
    const session = connectGrpc(url);
    const running = callGrpc(session, modelInfer, [dieOf('slow', 512)]);
    const waiting = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    waiting.on('error', () => {});
    waiting.end(bytesOf('slow', 512));
    while ((await queued(url)) === 0);
    waiting.close(http2.constants.NGHTTP2_CANCEL);
    expect((await running).status).toBe(0);
    // The next one is answered behind it: by then what has become of both is known.
    expect((await callGrpc(session, modelInfer, [dieOf('slow', 512)])).status).toBe(0);
    expect(await outcomes(url)).toMatchObject({ answered: 2, cancelled: 1 });
    expect(app.missing()).toEqual([]);
  });

  test('of one message that is too long says both lengths, and the connection goes on', async () => {
    const { url } = await startApp({ versions, environment: { MAX_BODY_BYTES: '4096' } });
    const session = connectGrpc(url);
    const answer = await callGrpc(session, modelInfer, [
      { ...dieOf('sum', 3), rawInputContents: [new Uint8Array(1_000_000)] },
    ]);
    expect(answer.status).toBe(8);
    expect(answer.message).toMatch(/at most 4096 bytes \(MAX_BODY_BYTES\), found 10000\d\d/);
    expect((await callGrpc(session, modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });
});

describe('a shutdown', () => {
  test('answers the calls that have begun, and asks clients to leave', async () => {
    const { url, app } = await startApp({ versions: [slowVersion()] });
    const session = connectGrpc(url);
    const left = once(session, 'goaway');
    const calls = [1, 2, 3].map(() => callGrpc(session, modelInfer, [dieOf('slow', 512)]));
    await new Promise((resolve) => session.ping(resolve));
    const closed = app.close();
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([0, 0, 0]);
    await left;
    await closed;
    expect(session.destroyed || session.closed).toBe(true);
  });

  test('ends the calls that would last for ever: who watches, and a stream once its dies are answered', async () => {
    const { url, app } = await startApp({ versions });
    const session = connectGrpc(url);
    const watch = callGrpc(session, Health.method.watch, [{ service: '' }]);
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${modelStreamInfer.parent.typeName}/ModelStreamInfer`,
      'content-type': 'application/grpc',
    });
    stream.write(bytesOf('sum', 3));
    const [answer] = await once(stream, 'data');
    expect(answer.length).toBeGreaterThan(20);
    const trailers = once(stream, 'trailers');
    await app.close();
    const watched = await watch;
    expect(watched.messages[0]?.status).toBe(Status.SERVING);
    expect(watched).toMatchObject({ status: 14, message: 'the server is shutting down' });
    expect((await trailers)[0]['grpc-status']).toBe('14');
  });

  test('is seen by who asks, before it begins', async () => {
    const { url, app } = await startApp({ versions });
    const session = connectGrpc(url);
    const check = async () => (await callGrpc(session, Health.method.check, [{}])).messages[0]?.status;
    expect(await check()).toBe(Status.SERVING);
    app.drain();
    expect(await check()).toBe(Status.NOT_SERVING);
    expect((await callGrpc(connectGrpc(url), serverReady, [{}])).messages[0]?.ready).toBe(false);
  });
});

describe('a connection', () => {
  test('is asked to leave when it is old', async () => {
    const { url } = await startApp({ versions, environment: { GRPC_MAX_CONNECTION_AGE_MS: '1' } });
    const session = connectGrpc(url);
    const left = once(session, 'goaway');
    expect((await callGrpc(session, modelInfer, [dieOf('sum', 3)])).status).toBe(0);
    const [code] = await left;
    expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });

  test('that is old is closed when its grace is over, whatever goes on', async () => {
    const environment = { GRPC_MAX_CONNECTION_AGE_MS: '1', GRPC_MAX_CONNECTION_AGE_GRACE_MS: '1' };
    const { url } = await startApp({ versions, environment });
    const session = connectGrpc(url);
    const watch = callGrpc(session, Health.method.watch, [{ service: '' }]);
    await expect(watch.then(({ status }) => status)).resolves.not.toBe(0);
  });

  test('that is silent is pinged', async () => {
    const { url } = await startApp({ versions, environment: { GRPC_KEEPALIVE_MS: '1' } });
    const session = connectGrpc(url);
    await once(session, 'ping');
    expect((await callGrpc(session, modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });
});

describe('who does harm is cut off, and the others are answered', () => {
  test('garbage behind the preface', async () => {
    const { url, port } = await startApp({ versions });
    const client = new RawClient(port);
    client.send(PREFACE, Buffer.alloc(1000, 'garbage'));
    await client.first(() => false);
    expect((await callGrpc(connectGrpc(url), modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });

  test('a reader of a stream that reads nothing', async () => {
    const { url, port } = await startApp({ versions, environment: { REQUEST_TIMEOUT_MS: '300' } });
    const client = new RawClient(port);
    const head = Buffer.concat([
      encodeHeaders({
        ':method': 'POST',
        ':scheme': 'http',
        ':path': `/${modelStreamInfer.parent.typeName}/ModelStreamInfer`,
      }),
      encodeHeaders({ 'content-type': 'application/grpc' }),
    ]);
    // SETTINGS_INITIAL_WINDOW_SIZE 0: nothing may be sent to it.
    const closedWindow = http2Frame(4, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0));
    client.send(PREFACE, closedWindow, http2Frame(1, 4, 1, head), http2Frame(0, 0, 1, bytesOf('sum', 3)));
    const reset = await client.first(({ type, stream }) => type === 3 && stream === 1);
    expect(reset?.payload.readUInt32BE(0)).toBe(http2.constants.NGHTTP2_CANCEL);
    expect((await callGrpc(connectGrpc(url), modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });

  test('a message that does not come to its end', async () => {
    const { url, port } = await startApp({ versions, environment: { REQUEST_TIMEOUT_MS: '300' } });
    const client = new RawClient(port);
    const head = encodeHeaders({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': path,
      'content-type': 'application/grpc',
    });
    client.send(
      PREFACE,
      SETTINGS,
      http2Frame(1, 4, 1, head),
      http2Frame(0, 0, 1, Buffer.of(0, 0, 0, 9, 9, 1)),
    );
    const answer = await client.first(({ type, stream }) => type === 1 && stream === 1);
    expect(answer?.payload.toString('latin1')).toContain('did not arrive within 300 ms');
    expect((await callGrpc(connectGrpc(url), modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });

  test('headers that do not come to their end', async () => {
    const { port } = await startApp({ versions, environment: { REQUEST_TIMEOUT_MS: '300' } });
    const client = new RawClient(port);
    client.send(PREFACE, SETTINGS, http2Frame(1, 0, 1, REQUEST));
    await client.first(() => false);
    expect(client.isClosed).toBe(true);
  });

  test('metadata that is too large', async () => {
    const { url, port } = await startApp({ versions });
    const client = new RawClient(port);
    const kept = encodeHeaders({ 'x-lot-id': 'x'.repeat(3000) });
    kept[0] = 0x40;
    // The same field again and again, by its place in the table.
    const head = Buffer.concat([REQUEST, kept, Buffer.alloc(30, 0xbe)]);
    client.send(PREFACE, SETTINGS, http2Frame(1, 5, 1, head));
    const answer = await client.first(({ type, stream }) => type === 1 && stream === 1);
    expect(answer?.payload.toString('latin1')).toContain('headers_too_large');
    expect((await callGrpc(connectGrpc(url), modelInfer, [dieOf('sum', 3)])).status).toBe(0);
  });
});

test('HTTP/1.1 and gRPC are served side by side', async () => {
  const { url } = await startApp({ versions, environment: { GRPC: 'preload' } });
  const die = JSON.stringify({ die_id: 'd', test_params: [1, 2, 3] });
  const session = connectGrpc(url);
  const [over, grpc] = await Promise.all([
    post(`${url}/predict`, die),
    callGrpc(session, modelInfer, [dieOf('sum', 3)]),
  ]);
  expect([over.status, grpc.status]).toEqual([200, 0]);
});
