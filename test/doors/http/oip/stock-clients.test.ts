// What stock clients put on the wire, byte for byte, and how they read the answer.
// - Triton's Python client: triton-inference-server/client, src/python/library/tritonclient/http, _client.py and
//   _infer_input.py at 06344ca, _utils.py at 03a0aac, _infer_result.py at 2a25fb3: what is sent and read. Heads of
//   requests as geventhttpclient 2.0.8 writes them (recorded); those of the asyncio variant (aio/__init__.py at
//   03a9633) as aiohttp 3.8.4 does.
// - Triton's C++ client: src/c++/library/http_client.cc at 01b9a35, over libcurl.
// - KServe's Python client: kserve/kserve, python/kserve/kserve/inference_client.py and protocol/infer_type.py at
//   0217bda; heads as httpx 0.23.3 writes them (recorded).
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { exchange, FakeEngine, float32Bytes, startOip, tensorsOf, type WireAnswer, wire } from './support.js';

const ROW = float32Bytes([0.25, 0.25, 0, 0]);
const GEVENT = 'user-agent: python/gevent-http-client-2.0.8';
const AIOHTTP = ['Accept: */*', 'Accept-Encoding: gzip, deflate', 'User-Agent: Python/3.11 aiohttp/3.8.4'];
const HTTPX = [
  'Accept: */*',
  'Accept-Encoding: gzip, deflate, br',
  'Connection: keep-alive',
  'User-Agent: python-httpx/0.23.3',
];
const CURL = ['User-Agent: libcurl-agent/1.0', 'Accept: */*'];

const BINARY_INPUT =
  '{"name":"test_params","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}';
const JSON_INPUT = '{"name":"test_params","shape":[1,4],"datatype":"FP32","data":[0.25,0.25,0.0,0.0]}';

const ask = async (bytes: (host: string) => Buffer, engine = new FakeEngine()) => {
  const { port } = await startOip(engine);
  return exchange(port, bytes(`127.0.0.1:${port}`));
};
const tensorsIn = ({ body, headers }: WireAnswer) =>
  Object.fromEntries(tensorsOf(body, headers.get('Inference-Header-Content-Length')));

const SCORED = { anomaly_score: [0.5], prediction: ['pass'], confidence: [0.75] };

describe("Triton's Python client", () => {
  const infer = (json: string, tail: Buffer | '' = '') => {
    const body = Buffer.concat([Buffer.from(json), Buffer.from(tail)]);
    return (host: string) =>
      wire(
        'POST /v2/models/screen/infer HTTP/1.1',
        [
          GEVENT,
          ...(tail === '' ? [] : [`inference-header-content-length: ${json.length}`]),
          `host: ${host}`,
          `content-length: ${body.length}`,
        ],
        body,
      );
  };

  test('infer() by its defaults sends a binary tensor without a media type, and gets all outputs binary', async () => {
    const json = `{"id":"q","inputs":[${BINARY_INPUT}],"parameters":{"binary_data_output":true}}`;
    const answer = await ask(infer(json, ROW));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('infer() with outputs gets each in the form that it asks for', async () => {
    const outputs =
      '[{"name":"prediction","parameters":{"binary_data":false}},{"name":"contributions","parameters":{"binary_data":true}}]';
    const answer = await ask(infer(`{"inputs":[${BINARY_INPUT}],"outputs":${outputs}}`, ROW));
    expect(tensorsIn(answer)).toEqual({ prediction: ['pass'], contributions: [0.25, 0.25, 0, 0] });
  });

  test('infer() with JSON tensors sends JSON without a media type, and gets binary outputs all the same', async () => {
    const json = `{"inputs":[${JSON_INPUT}],"parameters":{"binary_data_output":true}}`;
    expect(tensorsIn(await ask(infer(json)))).toEqual(SCORED);
  });

  test('infer(timeout=…, priority=…) sends them as parameters', async () => {
    const engine = new FakeEngine();
    const json = `{"inputs":[${BINARY_INPUT}],"parameters":{"priority":1,"timeout":40000,"binary_data_output":true}}`;
    expect((await ask(infer(json, ROW), engine)).status).toBe(200);
    expect(engine.asked[0]?.deadlineMs).toBe(40);
  });

  test('infer(request_compression_algorithm="gzip") packs JSON and tensors together', async () => {
    const json = `{"inputs":[${BINARY_INPUT}],"parameters":{"binary_data_output":true}}`;
    const packed = gzipSync(Buffer.concat([Buffer.from(json), ROW]));
    const answer = await ask((host) =>
      wire(
        'POST /v2/models/screen/versions/1/infer HTTP/1.1',
        [
          GEVENT,
          'content-encoding: gzip',
          'accept-encoding: gzip',
          `inference-header-content-length: ${json.length}`,
          `host: ${host}`,
          `content-length: ${packed.length}`,
        ],
        packed,
      ),
    );
    // It unpacks only what says that it is packed.
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('an error is read as JSON with "error"', async () => {
    const wrong = BINARY_INPUT.replace('FP32', 'BOOL');
    const answer = await ask(infer(`{"inputs":[${wrong}]}`, ROW));
    expect(answer.status).not.toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({
      error: expect.stringMatching(/^inputs\[0\]\.datatype: expected FP32.* found the string "BOOL"/),
    });
  });

  test('get_model_repository_index() posts nothing at all', async () => {
    const { status, body } = await ask((host) =>
      wire('POST /v2/repository/index HTTP/1.1', [GEVENT, `host: ${host}`]),
    );
    expect(status).toBe(200);
    expect(JSON.parse(body.toString())).toHaveLength(2);
  });

  test.each([
    ['load', '{}'],
    ['unload', '{"parameters":{"unload_dependents":false}}'],
  ])('%s_model() posts JSON without a media type', async (verb, json) => {
    const engine = new FakeEngine();
    const path = `POST /v2/repository/models/screen/${verb} HTTP/1.1`;
    const head = (host: string) => [GEVENT, `host: ${host}`, `content-length: ${json.length}`];
    expect((await ask((host) => wire(path, head(host), json), engine)).status).toBe(200);
    expect(engine.calls).toEqual([`${verb} screen`]);
  });

  test.each([
    'v2',
    'v2/health/live',
    'v2/health/ready',
    'v2/models/screen',
    'v2/models/screen/versions/1/ready',
  ])('GET %s is 200', async (path) => {
    const { status } = await ask((host) => wire(`GET /${path} HTTP/1.1`, [GEVENT, `host: ${host}`]));
    expect(status).toBe(200);
  });
});

describe("Triton's asyncio client", () => {
  test('infer() sends its bytes as application/octet-stream', async () => {
    const json = `{"inputs":[${BINARY_INPUT}],"parameters":{"binary_data_output":true}}`;
    const body = Buffer.concat([Buffer.from(json), ROW]);
    const answer = await ask((host) =>
      wire(
        'POST /v2/models/screen/infer HTTP/1.1',
        [
          `Host: ${host}`,
          `Inference-Header-Content-Length: ${json.length}`,
          ...AIOHTTP,
          `Content-Length: ${body.length}`,
          'Content-Type: application/octet-stream',
        ],
        body,
      ),
    );
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('get_model_repository_index() posts an empty text', async () => {
    const { status } = await ask((host) =>
      wire('POST /v2/repository/index HTTP/1.1', [
        `Host: ${host}`,
        ...AIOHTTP,
        'Content-Length: 0',
        'Content-Type: text/plain; charset=utf-8',
      ]),
    );
    expect(status).toBe(200);
  });
});

describe("Triton's C++ client", () => {
  test('Infer() names application/octet-stream, and reads the length of the JSON from the header', async () => {
    // Its own order of keys.
    const input =
      '{"name":"test_params","datatype":"FP32","shape":[1,4],"parameters":{"binary_data_size":16}}';
    const json = `{"id":"","parameters":{"binary_data_output":true},"inputs":[${input}]}`;
    const body = Buffer.concat([Buffer.from(json), ROW]);
    const answer = await ask((host) =>
      wire(
        'POST /v2/models/screen/infer HTTP/1.1',
        [
          `Host: ${host}`,
          ...CURL,
          `Inference-Header-Content-Length: ${json.length}`,
          'Content-Type: application/octet-stream',
          `Content-Length: ${body.length}`,
        ],
        body,
      ),
    );
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('LoadModel() posts as an HTML form does', async () => {
    const { status } = await ask((host) =>
      wire(
        'POST /v2/repository/models/screen/load HTTP/1.1',
        [`Host: ${host}`, ...CURL, 'Content-Length: 2', 'Content-Type: application/x-www-form-urlencoded'],
        '{}',
      ),
    );
    expect(status).toBe(200);
  });
});

describe("KServe's Python client", () => {
  const head = (host: string, body: Buffer, more: readonly string[] = []) => [
    `Host: ${host}`,
    ...HTTPX,
    ...more,
    `Content-Length: ${body.length}`,
  ];

  test('infer() with data sends JSON without a media type, and reads model_name and each data', async () => {
    const body = Buffer.from(`{"id":"3f1c","model_name":"screen","inputs":[${JSON_INPUT}]}`);
    const answer = await ask((host) => wire('POST /v2/models/screen/infer HTTP/1.1', head(host, body), body));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: '3f1c', model_name: 'screen' });
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('infer() with raw data sends the tensor behind the JSON', async () => {
    const json = `{"id":"3f1c","model_name":"screen","inputs":[${BINARY_INPUT}],"parameters":{"binary_data_output":true}}`;
    const body = Buffer.concat([Buffer.from(json), ROW]);
    const more = [
      `inference-header-content-length: ${json.length}`,
      'content-type: application/octet-stream',
    ];
    const answer = await ask((host) =>
      wire('POST /v2/models/screen/infer HTTP/1.1', head(host, body, more), body),
    );
    expect(tensorsIn(answer)).toEqual(SCORED);
  });

  test('is_server_live(), is_server_ready() and is_model_ready() read their own words', async () => {
    const read = async (path: string) => {
      const { body } = await ask((host) => wire(`GET ${path} HTTP/1.1`, [`Host: ${host}`, ...HTTPX]));
      return JSON.parse(body.toString());
    };
    expect(await read('/v2/health/live')).toMatchObject({ live: true });
    expect(await read('/v2/health/ready')).toMatchObject({ ready: true });
    expect(await read('/v2/models/screen/ready')).toMatchObject({ name: 'screen', ready: true });
  });
});

test('a raw request is the bytes of a die, and gets every default output binary', async () => {
  const answer = await ask((host) =>
    wire(
      'POST /v2/models/screen/infer HTTP/1.1',
      [
        `Host: ${host}`,
        'Content-Type: application/octet-stream',
        'Inference-Header-Content-Length: 0',
        `Content-Length: ${ROW.length}`,
      ],
      ROW,
    ),
  );
  expect(tensorsIn(answer)).toEqual(SCORED);
});
