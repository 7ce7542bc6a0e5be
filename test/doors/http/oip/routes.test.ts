import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../../src/errors.js';
import {
  InferAnswerSchema,
  ModelMetadataSchema,
  OipErrorSchema,
  RepositoryIndexSchema,
  ServerMetadataSchema,
  StatisticsSchema,
} from '../../../../src/oip/schemas.js';
import { InferStatistics } from '../../../../src/oip/statistics.js';
import { post, type RawAnswer, send } from '../../../support/http.js';
import {
  type AskedInference,
  accessFor,
  FakeEngine,
  float32Bytes,
  screenVersion,
  startOip,
  wire,
} from './support.js';

const DIE = { name: 'test_params', shape: [1, 4], datatype: 'FP32', data: [0.25, 0.25, 0, 0] };
const inferBody = (changes: object = {}) => JSON.stringify({ inputs: [DIE], ...changes });

/** Checks that an answer is a refusal in the protocol's form, and returns what it says. */
function errorOf({ status, headers, body }: RawAnswer, expected: number): string {
  expect(status, body).toBe(expected);
  // KServe's client compares the media type as a whole.
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('x-request-id')).not.toBeNull();
  return OipErrorSchema.strict().parse(JSON.parse(body)).error;
}

describe('the server', () => {
  test('is live, and ready when nothing is missing', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    expect(JSON.parse((await send(`${url}/v2/health/live`)).body)).toEqual({ live: true });
    expect(JSON.parse((await send(`${url}/v2/health/ready`)).body)).toEqual({ ready: true });
    engine.waitingFor = ['screen/1 is not loaded', '0 of 1 workers are ready'];
    const refused = await send(`${url}/v2/health/ready`);
    expect(errorOf(refused, 503)).toBe('screen/1 is not loaded; 0 of 1 workers are ready');
    expect(refused.headers.get('retry-after')).toBe('1');
  });

  test.each(['/v2', '/v2/'])('says at %s what it is and which extensions it has', async (path) => {
    const { url } = await startOip(new FakeEngine());
    const metadata = ServerMetadataSchema.strict().parse(JSON.parse((await send(url + path)).body));
    expect(metadata).toEqual({
      name: 'diegate',
      version: '9.9.9',
      extensions: ['binary_tensor_data', 'model_repository', 'model_configuration'],
    });
  });
});

describe('a model', () => {
  test('has its tensors in its metadata, with and without a version', async () => {
    const { url } = await startOip(new FakeEngine());
    for (const path of ['/v2/models/screen', '/v2/models/screen/versions/1']) {
      const metadata = ModelMetadataSchema.strict().parse(JSON.parse((await send(url + path)).body));
      expect(metadata).toEqual({
        name: 'screen',
        versions: ['1', '2'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'test_params', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [
          { name: 'anomaly_score', datatype: 'FP32', shape: [-1] },
          { name: 'prediction', datatype: 'BYTES', shape: [-1] },
          { name: 'confidence', datatype: 'FP32', shape: [-1] },
          { name: 'model_version', datatype: 'BYTES', shape: [-1] },
          { name: 'contributions', datatype: 'FP32', shape: [-1, 4] },
        ],
      });
    }
  });

  test('is ready or says why not', async () => {
    const engine = new FakeEngine();
    engine.states = { '1': 'LOADING' };
    const { url } = await startOip(engine);
    expect(JSON.parse((await send(`${url}/v2/models/screen/ready`)).body)).toEqual({
      name: 'screen',
      ready: true,
    });
    expect(errorOf(await send(`${url}/v2/models/screen/versions/1/ready`), 503)).toBe('version 1 is loading');
  });

  test.each(['', '/ready', '/infer'])('that does not exist is 404 at %s', async (path) => {
    const { url } = await startOip(new FakeEngine());
    const call = (model: string) =>
      path === '/infer'
        ? post(`${url}/v2/models/${model}${path}`, inferBody())
        : send(`${url}/v2/models/${model}${path}`);
    expect(errorOf(await call('none'), 404)).toBe('there is no model "none"');
    expect(errorOf(await call('screen/versions/7'), 404)).toBe('no version "7"');
  });
});

describe('infer', () => {
  test('answers JSON with JSON, with the id and the version that answered', async () => {
    const { url } = await startOip(new FakeEngine());
    const answer = await post(`${url}/v2/models/screen/infer`, inferBody({ id: 'q1' }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('inference-header-content-length')).toBeNull();
    expect(InferAnswerSchema.strict().parse(JSON.parse(answer.body))).toEqual({
      model_name: 'screen',
      model_version: '2',
      id: 'q1',
      outputs: [
        { name: 'anomaly_score', datatype: 'FP32', shape: [1], data: [0.5] },
        { name: 'prediction', datatype: 'BYTES', shape: [1], data: ['pass'] },
        { name: 'confidence', datatype: 'FP32', shape: [1], data: [0.75] },
      ],
    });
    const byVersion = await post(`${url}/v2/models/screen/versions/1/infer`, inferBody());
    expect(JSON.parse(byVersion.body)).toMatchObject({ model_version: '1' });
  });

  test('asks for contributions only when they are named', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const outputs = [{ name: 'contributions' }];
    const answer = await post(`${url}/v2/models/screen/infer`, inferBody({ outputs }));
    expect(JSON.parse(answer.body).outputs).toEqual([
      { name: 'contributions', datatype: 'FP32', shape: [1, 4], data: [0.25, 0.25, 0, 0] },
    ]);
    await post(`${url}/v2/models/screen/infer`, inferBody());
    expect(engine.asked.map(({ contributions }) => contributions)).toEqual([true, false]);
  });

  test('names the dies by the headers, else by the id and the row, else by the request', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const path = `${url}/v2/models/screen/infer`;
    const two = { inputs: [{ ...DIE, shape: [2, 4], data: Array(8).fill(0) }] };
    await post(path, inferBody({ id: 'q', ...two }));
    await post(path, inferBody(two), { 'x-request-id': 'r7', 'x-lot-id': 'L1' });
    await post(path, inferBody(two), { 'x-die-ids': 'a,b' });
    await post(path, inferBody(), { 'x-die-id': 'w1', 'x-x': '-3' });
    expect(engine.asked.map(({ labels }) => labels.map(({ die_id }) => die_id))).toEqual([
      ['q-0', 'q-1'],
      ['r7-0', 'r7-1'],
      ['a', 'b'],
      ['w1'],
    ]);
    expect(engine.asked[1]?.labels[0]?.lot_id).toBe('L1');
    expect(engine.asked[3]?.labels[0]?.x).toBe(-3);
    expect(errorOf(await post(path, inferBody(two), { 'x-die-ids': 'a' }), 422)).toMatch(/expected 2 ids/);
  });

  test('sends one die through the realtime lane and more through the bulk lane', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const two = { inputs: [{ ...DIE, shape: [2, 4], data: Array(8).fill(0) }] };
    await post(`${url}/v2/models/screen/infer`, inferBody());
    await post(`${url}/v2/models/screen/infer`, inferBody(two));
    expect(engine.asked.map(({ lane }) => lane)).toEqual(['realtime', 'bulk']);
  });

  test('takes the earlier of x-deadline-ms and timeout', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const ask = (timeout: number, headers: Record<string, string> = {}) =>
      post(`${url}/v2/models/screen/infer`, inferBody({ parameters: { timeout } }), headers);
    await ask(0);
    await ask(1_500);
    await ask(0, { 'x-deadline-ms': '20' });
    await ask(30_000, { 'x-deadline-ms': '20' });
    await ask(10_000, { 'x-deadline-ms': '20' });
    expect(engine.asked.map(({ deadlineMs }) => deadlineMs)).toEqual([undefined, 1.5, 20, 20, 10]);
    expect(errorOf(await ask(0, { 'x-deadline-ms': 'soon' }), 422)).toMatch(/x-deadline-ms: expected whole/);
  });

  test('reads a body of any media type, and one packed by gzip or deflate', async () => {
    const { url } = await startOip(new FakeEngine());
    const path = `${url}/v2/models/screen/infer`;
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/vnd.x+json; v=2']) {
      expect((await post(path, inferBody(), { 'content-type': type })).status, type).toBe(200);
    }
    for (const [encoding, pack] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const answer = await post(path, new Uint8Array(pack(inferBody())), { 'content-encoding': encoding });
      expect(answer.status, encoding).toBe(200);
    }
  });

  test('refuses an encoding it does not know, and a body that is not what its encoding says', async () => {
    const { url } = await startOip(new FakeEngine());
    const path = `${url}/v2/models/screen/infer`;
    expect(errorOf(await post(path, inferBody(), { 'content-encoding': 'br' }), 415)).toBe(
      'content-encoding: expected gzip, deflate or identity, found "br"',
    );
    const packed = new Uint8Array(gzipSync(inferBody()));
    for (const bytes of [packed.subarray(0, 20), packed.subarray(3), new Uint8Array()]) {
      expect(errorOf(await post(path, bytes, { 'content-encoding': 'gzip' }), 400)).not.toBe('');
    }
  });

  test('refuses a body beyond the limit, packed or not, and lives on', async () => {
    const { url } = await startOip(new FakeEngine(), { maxBodyBytes: 2_000 });
    const path = `${url}/v2/models/screen/infer`;
    const large = ' '.repeat(3_000) + inferBody();
    expect(errorOf(await post(path, large), 413)).toMatch(/MAX_BODY_BYTES allows 2000/);
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000)));
    expect(errorOf(await post(path, bomb, { 'content-encoding': 'gzip' }), 413)).toMatch(/allows 2000/);
    expect((await post(path, inferBody())).status).toBe(200);
  });

  test('refuses before the body is read where the version cannot take a die', async () => {
    const engine = new FakeEngine();
    engine.refusal = new Refusal('queue_full', 'the queue is full', { retryAfterSeconds: 3 });
    const { url } = await startOip(engine);
    const refused = await post(`${url}/v2/models/screen/infer`, 'not JSON');
    expect(errorOf(refused, 503)).toBe('the queue is full');
    expect(refused.headers.get('retry-after')).toBe('3');
  });

  test.each([
    ['not JSON', '{', 400, /the body ends after 1 bytes/],
    ['nothing', '', 400, /the body is empty, expected JSON/],
    ['another input', JSON.stringify({ inputs: [{ ...DIE, name: 'x' }] }), 422, /inputs\[0\]\.name/],
    ['too many dies', JSON.stringify({ inputs: [{ ...DIE, shape: [101, 4] }] }), 413, /found 101 dies/],
    ['raw bytes without the header', float32Bytes([1, 2, 3, 4]).toString('latin1'), 400, /./],
  ])('refuses %s in one line', async (_, body, status, message) => {
    const { url } = await startOip(new FakeEngine());
    const error = errorOf(await post(`${url}/v2/models/screen/infer`, body), status);
    expect(error).toMatch(message);
    expect(error).not.toContain('\n');
  });

  test('tells the engine when the client has gone before the answer', async () => {
    const engine = new FakeEngine();
    const events = new EventEmitter();
    const [inferred, gone] = [once(events, 'infer'), once(events, 'gone')];
    engine.infer = async (inference: AskedInference) => {
      inference.onGone?.(() => events.emit('gone'));
      events.emit('infer');
      await gone;
      return { predictions: [], contributions: undefined, fallback: undefined, queueMs: 0 };
    };
    const { port } = await startOip(engine);
    const socket = net.connect(port, '127.0.0.1');
    const head = ['host: a', 'inference-header-content-length: 0', 'content-length: 16'];
    socket.write(wire('POST /v2/models/screen/infer HTTP/1.1', head, Buffer.alloc(16)));
    await inferred;
    socket.destroy();
    await gone;
  });

  test.each([[], ['content-encoding: gzip']])(
    'a body whose client goes half-way harms nobody: %j',
    async (...encoding) => {
      const engine = new FakeEngine();
      const { url, port } = await startOip(engine);
      const socket = net.connect(port, '127.0.0.1');
      const packed = gzipSync(inferBody());
      const head = ['host: a', ...encoding, `content-length: ${packed.length}`];
      socket.write(wire('POST /v2/models/screen/infer HTTP/1.1', head, packed.subarray(0, 30)));
      await once(socket, 'connect');
      socket.resume();
      socket.end();
      await once(socket, 'close');
      expect((await post(`${url}/v2/models/screen/infer`, inferBody())).status).toBe(200);
      expect(engine.asked).toHaveLength(1);
    },
  );

  test('a fault nobody foresaw is a bare 500 in the same form', async () => {
    const engine = new FakeEngine();
    engine.infer = () => Promise.reject(new Error('secret'));
    const { url } = await startOip(engine);
    expect(errorOf(await post(`${url}/v2/models/screen/infer`, inferBody()), 500)).not.toContain('secret');
  });
});

describe('what is no route', () => {
  test.each([
    ['GET', '/v2/nothing?x=1'],
    ['GET', '/v2/models/stats'],
    ['GET', '/v2/models/screen/trace/setting'],
  ])('%s %s is refused in the same form', async (method, path) => {
    const { url } = await startOip(new FakeEngine());
    const answer = await send(url + path, { method });
    expect(errorOf(answer, 404)).not.toBe('');
  });

  test.each([
    ['GET', '/v2/models/screen/infer', 'POST'],
    ['GET', '/v2/repository/index', 'POST'],
    ['POST', '/v2/models/stats', 'GET, HEAD'],
    ['DELETE', '/v2', 'GET, HEAD'],
  ])('%s %s is 405, which says what is allowed', async (method, path, allow) => {
    const { url } = await startOip(new FakeEngine());
    const answer = await send(url + path, { method });
    expect(errorOf(answer, 405)).toContain(`found ${method}`);
    expect(answer.headers.get('allow')).toBe(allow);
  });

  test('beside the protocol refusals stay problems', async () => {
    const { url } = await startOip(new FakeEngine());
    for (const path of ['/v2x', '/v1/v2/health', '/']) {
      const answer = await send(url + path);
      expect(answer.headers.get('content-type'), path).toMatch(/^application\/problem\+json/);
    }
  });
});

describe('keys and rates', () => {
  test('each route asks for its permission; health asks for none', async () => {
    const engine = new FakeEngine();
    const access = accessFor({ reader: ['read'], tester: ['predict'], boss: ['admin'] });
    const { url } = await startOip(engine, { access });
    const statuses = async (method: 'GET' | 'POST', path: string) => {
      const init = method === 'POST' ? { method, body: inferBody() } : { method };
      const call = async (headers: Record<string, string>) =>
        (await send(`${url}/v2${path}`, { ...init, headers })).status;
      return Promise.all([
        call({}),
        call({ 'x-api-key': 'reader' }),
        call({ authorization: 'Bearer tester' }),
        call({ 'x-api-key': 'boss' }),
      ]);
    };
    expect(await statuses('GET', '/health/live')).toEqual([200, 200, 200, 200]);
    expect(await statuses('GET', '/health/ready')).toEqual([200, 200, 200, 200]);
    expect(await statuses('GET', '')).toEqual([401, 200, 403, 403]);
    expect(await statuses('GET', '/models/screen')).toEqual([401, 200, 403, 403]);
    expect(await statuses('GET', '/models/screen/ready')).toEqual([401, 200, 403, 403]);
    expect(await statuses('POST', '/repository/index')).toEqual([401, 200, 403, 403]);
    expect(await statuses('POST', '/models/screen/infer')).toEqual([401, 403, 200, 403]);
    expect(await statuses('POST', '/repository/models/screen/unload')).toEqual([401, 403, 403, 200]);
    expect(errorOf(await send(`${url}/v2`), 401)).toMatch(/no credential was sent; expected an API key/);
  });

  test('equipment over its rate is refused in the same form', async () => {
    const { url } = await startOip(new FakeEngine(), { perSecond: 1 });
    const ask = () => post(`${url}/v2/models/screen/infer`, inferBody(), { 'x-equipment-id': 'T1' });
    const answers = await Promise.all([ask(), ask(), ask(), ask()]);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expect(errorOf(answer, 429)).toMatch(/equipment "T1" is over its 1/);
  });
});

describe('the model repository', () => {
  test('lists every version with its state, or only those that are ready', async () => {
    const engine = new FakeEngine();
    engine.states = { '1': 'UNAVAILABLE' };
    const { url } = await startOip(engine);
    const index = async (body: string | undefined) =>
      RepositoryIndexSchema.parse(JSON.parse((await post(`${url}/v2/repository/index`, body)).body));
    const ready = { name: 'screen', version: '2', state: 'READY', reason: '' };
    const all = [
      { name: 'screen', version: '1', state: 'UNAVAILABLE', reason: 'version 1 is unavailable' },
      ready,
    ];
    for (const body of [undefined, '{}', '{"ready":false}']) expect(await index(body)).toEqual(all);
    expect(await index('{"ready":true}')).toEqual([ready]);
    expect(errorOf(await post(`${url}/v2/repository/index`, '{"ready":1}'), 422)).toMatch(
      /ready: expected true/,
    );
  });

  test('loads and unloads a model', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const path = `${url}/v2/repository/models/screen`;
    expect(JSON.parse((await post(`${path}/load`, undefined)).body)).toEqual({ name: 'screen', load: true });
    const dependents = '{"parameters":{"unload_dependents":false}}';
    expect((await post(`${path}/unload`, dependents)).status).toBe(200);
    expect(engine.calls).toEqual(['load screen', 'unload screen']);
    const unknown = await post(`${url}/v2/repository/models/none/load`, '{}');
    expect(errorOf(unknown, 404)).toBe('there is no model "none"');
  });

  test('takes neither a configuration nor files', async () => {
    const engine = new FakeEngine();
    const { url } = await startOip(engine);
    const load = (parameters: object) =>
      post(`${url}/v2/repository/models/screen/load`, JSON.stringify({ parameters }));
    expect(errorOf(await load({ config: '{}' }), 422)).toMatch(/config: is not supported here/);
    expect(errorOf(await load({ 'file:1/model.onnx': 'AAAA' }), 422)).toMatch(/files are not taken/);
    expect(engine.calls).toEqual([]);
  });

  test('says so where models stay for the life of the server', async () => {
    const engine = new FakeEngine();
    engine.control = undefined;
    const { url } = await startOip(engine);
    for (const verb of ['load', 'unload']) {
      const answer = await post(`${url}/v2/repository/models/screen/${verb}`, '{}');
      expect(errorOf(answer, 400)).toMatch(/keeps them to the end/);
    }
  });
});

describe('statistics', () => {
  test('are of all models, of one, or of a version', async () => {
    const statistics = new InferStatistics(() => 77);
    statistics.answered('screen/2', 3, 1);
    const engine = new FakeEngine([screenVersion(), screenVersion({}, '2')]);
    engine.statistics = ({ name, version }) => statistics.of(`${name}/${version}`);
    const { url } = await startOip(engine);
    const read = async (path: string) =>
      StatisticsSchema.strict()
        .parse(JSON.parse((await send(`${url}/v2/models/${path}`)).body))
        .model_stats.map(({ name, version, inference_count }) => [name, version, inference_count]);
    const both = [
      ['screen', '1', 0],
      ['screen', '2', 3],
    ];
    expect(await read('stats')).toEqual(both);
    expect(await read('screen/stats')).toEqual(both);
    expect(await read('screen/versions/2/stats')).toEqual([both[1]]);
    expect(errorOf(await send(`${url}/v2/models/none/stats`), 404)).toBe('there is no model "none"');
    expect(JSON.parse((await send(`${url}/v2`)).body).extensions).toContain('statistics');
  });
});
