import { describe, expect, test } from 'vitest';
import { GRPCInferenceService } from '../../src/doors/grpc/messages/inference-messages.js';
import { GrpcStatus } from '../../src/doors/grpc/wire/status.js';
import { callGrpc, connectGrpc } from '../support/grpc-client.js';
import { post } from '../support/http.js';
import { sumVersion } from '../support/models.js';
import { appForSuite } from '../support/start-app.js';

const server = appForSuite(() => ({
  versions: [
    sumVersion(2, {
      name: 'bounded',
      threshold: 1000,
      input: {
        name: 'test_params',
        parameters: [{ name: 'vdd', unit: 'V', minimum: 1, maximum: 1.5 }, { name: 'idd' }],
      },
    }),
  ],
}));

/** Asks by one door for one die of these values; what it answers: status and body. */
type Door = (values: readonly number[]) => Promise<{ readonly status: number; readonly body: string }>;

const bytesOfRow = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
// JSON has no NaN and no infinity: what a tester writes for them is null and a number beyond float32.
const json = (values: readonly number[]): (number | null)[] =>
  values.map((value) => (Number.isNaN(value) ? null : Number.isFinite(value) ? value : 1e39));
const to = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  post(`${server().url}${path}`, body, headers);
const binary = { 'content-type': 'application/octet-stream' };
const tensor = (values: readonly number[]) => ({
  name: 'test_params',
  shape: [1, values.length],
  datatype: 'FP32',
});

/** Every way to ask for a die: a new door is one more line. */
const DOORS: Readonly<Record<string, Door>> = {
  '/predict': (values) =>
    to('/models/bounded/predict', JSON.stringify({ die_id: 'd', test_params: json(values) })),
  '/predict, through node:http': (values) =>
    to('/models/bounded/predict?explain=0', JSON.stringify({ die_id: 'd', test_params: json(values) })),
  '/predict as float32': (values) =>
    to('/models/bounded/predict', bytesOfRow(values), { ...binary, 'x-die-id': 'd' }),
  '/predict/batch': (values) =>
    to('/models/bounded/predict/batch', JSON.stringify([{ die_id: 'd', test_params: json(values) }])),
  '/predict/batch as float32': (values) => to('/models/bounded/predict/batch', bytesOfRow(values), binary),
  '/v2 JSON': (values) =>
    to('/v2/models/bounded/infer', JSON.stringify({ inputs: [{ ...tensor(values), data: json(values) }] })),
  '/v2 binary tensor': (values) => {
    const bytes = bytesOfRow(values);
    const head = JSON.stringify({
      inputs: [{ ...tensor(values), parameters: { binary_data_size: bytes.length } }],
    });
    return to('/v2/models/bounded/infer', Buffer.concat([Buffer.from(head), bytes]), {
      ...binary,
      'inference-header-content-length': String(head.length),
    });
  },
  '/v2 float32 alone': (values) =>
    to('/v2/models/bounded/infer', bytesOfRow(values), {
      ...binary,
      'inference-header-content-length': '0',
    }),
  'gRPC, raw': (values) => grpc(values, { rawInputContents: [bytesOfRow(values)] }),
  'gRPC, typed': (values) => grpc(values, { fp32Contents: [...values] }),
  'gRPC, a stream': async (values) => {
    const { modelStreamInfer } = GRPCInferenceService.method;
    const request = grpcRequest(values, { rawInputContents: [bytesOfRow(values)] });
    const { messages } = await callGrpc(connectGrpc(server().url), modelStreamInfer, [request]);
    const body = messages[0]?.errorMessage ?? '';
    return { status: body === '' ? 200 : 422, body };
  },
};

interface GrpcValues {
  readonly rawInputContents?: Uint8Array[];
  readonly fp32Contents?: number[];
}

function grpcRequest(values: readonly number[], { rawInputContents = [], fp32Contents }: GrpcValues) {
  const contents = fp32Contents === undefined ? {} : { contents: { fp32Contents } };
  const inputs = [{ ...tensor(values), shape: [1n, BigInt(values.length)], ...contents }];
  return { modelName: 'bounded', inputs, rawInputContents };
}

/** A call as the other doors say it: of its status, the one that they have for it. */
async function grpc(values: readonly number[], given: GrpcValues) {
  const { modelInfer } = GRPCInferenceService.method;
  const { status, message } = await callGrpc(connectGrpc(server().url), modelInfer, [
    grpcRequest(values, given),
  ]);
  const isBad = status === GrpcStatus.INVALID_ARGUMENT;
  return { status: status === GrpcStatus.OK ? 200 : isBad ? 422 : 500, body: message };
}

const BAD: readonly (readonly [string, readonly number[]])[] = [
  ['below the minimum of a parameter', [0.9, 3]],
  ['above the maximum of a parameter', [1.6, 3]],
  ['with a missing value, where none may be missing', [1.2, Number.NaN]],
  ['with a value that is infinite or beyond float32', [1.2, Number.POSITIVE_INFINITY]],
  ['with a parameter too few', [1.2]],
  ['with a parameter too many', [1.2, 3, 4]],
];

describe.each(Object.entries(DOORS))('%s', (_, ask) => {
  test('answers a good die', async () => {
    const { status, body } = await ask([1.2, 3]);
    expect(status, body).toBe(200);
  });

  test.each(BAD)('refuses a die %s', async (_title, values) => {
    const { status, body } = await ask(values);
    // A length that is no multiple of a die is no die at all, by bytes alone.
    expect([400, 422], body).toContain(status);
  });

  test.each(BAD.slice(0, 2))('says what is wrong of a die %s', async (_title, values) => {
    const { status, body } = await ask(values);
    expect(status).toBe(422);
    expect(body).toContain(`vdd: expected 1 to 1.5 V, found ${values[0]}`);
  });
});
