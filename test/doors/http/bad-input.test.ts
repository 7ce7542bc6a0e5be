import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PredictionSchema, PredictionsSchema } from '../../../src/die/prediction.js';
import { MAX_LISTED_FAULTS } from '../../../src/errors.js';
import { bytesOf, dieOf, dieTextWith } from '../../support/dies.js';
import { expectProblem, post, postBytes, RawConnection, send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

// Issue 2, "Bad input": every one over a real socket. Never a 500, never a hang.
const server = appForSuite(() => ({
  versions: [sumVersion(512)],
  environment: { MAX_BATCH_DIES: '8' },
}));

const predict = (body: RequestInit['body'], headers: Record<string, string> = {}) =>
  post(`${server().url}/predict`, body, headers);
const predictBatch = (body: RequestInit['body']) => post(`${server().url}/predict/batch`, body);

afterEach(async () => {
  const metrics = await send(`${server().url}/metrics`);
  expect(metrics.body).not.toMatch(/status_class="5xx"/);
  expect(server().log.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});

describe('a value that is not a number float32 can hold is refused with 422 naming its index', () => {
  test.each([
    ['a string', '"0.5"'],
    ['null', 'null'],
    ['a nested array', '[1]'],
    ['an object', '{}'],
    ['true', 'true'],
    ['1e39', '1e39'],
    ['-1e39', '-1e39'],
    ['1e999', '1e999'],
    ['an integer of 400 digits', '9'.repeat(400)],
  ])('%s', async (_, literal) => {
    const problem = expectProblem(await predict(dieTextWith(literal)), 'invalid_input');
    expect(problem.errors?.map(({ path }) => path)).toEqual(['test_params[17]']);
    expect(problem.error_count).toBe(1);
  });
});

describe('an unusual number is read as float32 reads it', () => {
  test.each([
    ['-0 stays -0, of magnitude 0', '-0', 0],
    ['1e-46 becomes 0', '1e-46', 0],
    ['-1e-46 becomes -0', '-1e-46', 0],
    ['a number of 30 digits', '123456789012345678901234567890', 1.2345678901234568e29],
    ['a fraction of 30 digits', '0.123456789012345678901234567890', 0.12345678901234568],
    ['the largest float32', '3.4028234663852886e38', 3.4028234663852886e38],
    ['an exponent with a sign', '2.5E+2', 250],
  ])('%s', async (_, literal, value) => {
    const zeros = `{"die_id":"a","test_params":[${literal}${',0'.repeat(511)}]}`;
    const answer = await predict(zeros);
    expect(answer.status).toBe(200);
    expect(PredictionSchema.parse(JSON.parse(answer.body)).anomaly_score).toBe(Math.fround(value));
  });
});

describe('a measurement of another size is refused with 422 that says both sizes', () => {
  test.each([0, 511, 513])('%i parameters', async (count) => {
    const answer = await predict(JSON.stringify({ die_id: 'a', test_params: Array(count).fill(1) }));
    const problem = expectProblem(answer, 'invalid_input');
    expect(problem.errors).toEqual([
      { path: 'test_params', message: `expected exactly 512 test parameters, found ${count}` },
    ]);
  });

  test.each([
    ['missing', undefined],
    ['null', null],
    ['a number', 1],
    ['a string', 'x'.repeat(100_000)],
    ['an object', { 0: 1 }],
  ])('%s instead of an array', async (_, test_params) => {
    const answer = await predict(JSON.stringify({ die_id: 'a', test_params }));
    const problem = expectProblem(answer, 'invalid_input');
    expect(problem.errors?.[0]?.path).toBe('test_params');
    expect(answer.body.length, 'a refusal does not echo its input').toBeLessThan(1_000);
  });
});

describe('an id must have 1 to 128 characters', () => {
  test.each([
    ['empty', ''],
    ['of 129 characters', 'a'.repeat(129)],
    ['of 200 characters', 'a'.repeat(200)],
    ['a number', 7],
    ['null', null],
    ['missing', undefined],
  ])('a die_id that is %s is refused', async (_, die_id) => {
    const problem = expectProblem(await predict(JSON.stringify(dieOf({ die_id }))), 'invalid_input');
    expect(problem.errors?.map(({ path }) => path)).toEqual(['die_id']);
  });

  test.each(['a'.repeat(128), 'ü'.repeat(128), '晶圆', '"quoted"\\', '\u0000', '💥'.repeat(128)])(
    'a die_id of up to 128 characters comes back as it was sent',
    async (die_id) => {
      const answer = await predict(JSON.stringify(dieOf({ die_id })));
      expect(answer.status).toBe(200);
      expect(PredictionSchema.parse(JSON.parse(answer.body)).die_id).toBe(die_id);
    },
  );
});

describe('a body that is not the JSON of a die', () => {
  test.each([
    ['an empty body', ''],
    ['white space', ' \n'],
    ['truncated JSON', JSON.stringify(dieOf()).slice(0, -20)],
    ['JSON with bytes behind it', `${JSON.stringify(dieOf())}}`],
    ['a trailing comma', '{"die_id":"a","test_params":[1,]}'],
    ['NaN', dieTextWith('NaN')],
    ['Infinity', dieTextWith('-Infinity')],
    ['a hexadecimal number', dieTextWith('0x10')],
    ['a leading zero', dieTextWith('01')],
    ['a comment', '// die\n{}'],
    ['a byte order mark and nothing', '\uFEFF'],
    ['brackets nested 100,000 deep', '['.repeat(100_000)],
  ])('%s is refused with 400', async (_, body) => {
    expectProblem(await predict(body), 'invalid_json');
  });

  test.each([
    ['in an id', Buffer.from('{"die_id":"\xff\xfe","test_params":[]}', 'latin1')],
    ['a lone continuation byte', Buffer.from([0x7b, 0x80, 0x7d])],
    ['an encoded surrogate', Buffer.concat([Buffer.from('"'), Buffer.from([0xed, 0xa0, 0x80, 0x22])])],
    ['UTF-16', Buffer.from(JSON.stringify(dieOf()), 'utf16le')],
  ])('invalid UTF-8, %s, is refused with 400', async (_, body) => {
    expectProblem(await predict(new Uint8Array(body)), 'invalid_json');
  });

  test.each(['null', 'true', '1', '"a"', '[]', '{}', '[{}]'])('%s is refused with 422', async (body) => {
    expectProblem(await predict(body), 'invalid_input');
  });

  test('no content-type and no body is refused with 400', async () => {
    const connection = await RawConnection.open(server().port);
    connection.write('POST /predict HTTP/1.1\r\nhost: diegate\r\ncontent-length: 0\r\n\r\n');
    const answer = await connection.answer();
    connection.socket.destroy();
    expectProblem(answer ?? expect.fail('no answer'), 'invalid_json');
  });
});

describe('keys of a die', () => {
  test('unknown keys are ignored', async () => {
    const answer = await predict(
      JSON.stringify(dieOf({ operator: 'x', nested: { a: [1, { b: null }] }, __proto__: 1, toString: 2 })),
    );
    expect(answer.status).toBe(200);
  });

  test('"__proto__" and "constructor" as keys harm nothing', async () => {
    const params = JSON.stringify(dieOf().test_params);
    const body = `{"__proto__":{"die_id":"b"},"constructor":1,"die_id":"a","test_params":${params}}`;
    const answer = await predict(body);
    expect(PredictionSchema.parse(JSON.parse(answer.body)).die_id).toBe('a');
    expect(Object.hasOwn(Object.prototype, 'die_id')).toBe(false);
  });

  test('of a key given twice the last one counts', async () => {
    const params = JSON.stringify(dieOf().test_params);
    const body = `{"die_id":"first","test_params":[1],"die_id":"last","test_params":${params}}`;
    const answer = await predict(body);
    expect(PredictionSchema.parse(JSON.parse(answer.body)).die_id).toBe('last');
    const bad = await predict(`{"die_id":"a","test_params":${params},"test_params":[1]}`);
    expectProblem(bad, 'invalid_input');
  });

  test.each([
    ['x', 1.5],
    ['x', 32768],
    ['y', -32768],
    ['y', '7'],
    ['lot_id', ''],
    ['wafer_id', 'w'.repeat(129)],
    ['equipment_id', 4],
    ['stdf_file', {}],
  ])('an optional %s of %j is refused with 422', async (key, value) => {
    const problem = expectProblem(await predict(JSON.stringify(dieOf({ [key]: value }))), 'invalid_input');
    expect(problem.errors?.map(({ path }) => path)).toEqual([key]);
  });
});

describe('media types', () => {
  test.each([
    ['a wrong content type', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a content type that is none', { 'content-type': ';;;' }],
    ['an empty content type', { 'content-type': '' }],
    ['a JSON content type of another kind', { 'content-type': 'application/problem+json' }],
  ])('%s is refused with 415', async (_, headers) => {
    expectProblem(await predict(JSON.stringify(dieOf()), headers), 'unsupported_media_type');
  });

  test.each(['gzip', 'deflate', 'br', 'gzip, identity'])(
    'a body in %s is refused with 415',
    async (encoding) => {
      const body = gzipSync(JSON.stringify(dieOf()));
      const answer = await predict(body, { 'content-encoding': encoding });
      expectProblem(answer, 'unsupported_media_type');
    },
  );

  test('gzip bytes that claim to be JSON are refused with 400', async () => {
    expectProblem(await predict(gzipSync(JSON.stringify(dieOf()))), 'invalid_json');
  });

  test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=UTF-8'])(
    '%s is read as JSON',
    async (type) => {
      expect((await predict(JSON.stringify(dieOf()), { 'content-type': type })).status).toBe(200);
    },
  );
});

describe('batches', () => {
  test('a batch of 0 is refused with 422', async () => {
    expectProblem(await predictBatch('[]'), 'invalid_input');
  });

  test('a batch at the limit is answered, one over it is refused with 413', async () => {
    const batch = (dies: number) => predictBatch(JSON.stringify(Array(dies).fill(dieOf())));
    expect(PredictionsSchema.parse(JSON.parse((await batch(8)).body)).count).toBe(8);
    const problem = expectProblem(await batch(9), 'batch_too_large');
    expect(problem.detail).toBe('found 9 dies, expected at most 8 in one call');
  });

  test('a batch with one bad die is refused naming its index, and nothing is predicted', async () => {
    const before = await predictedDies();
    const dies = [dieOf(), dieOf(), dieOf({ test_params: Array(512).fill('x') }), dieOf()];
    const problem = expectProblem(await predictBatch(JSON.stringify(dies)), 'invalid_input');
    expect(problem.errors).toHaveLength(MAX_LISTED_FAULTS);
    expect(problem.error_count).toBe(512);
    expect(problem.errors?.[0]?.path).toBe('[2].test_params[0]');
    await server().log.line((line) => line.request_id === problem.request_id);
    expect(
      server().log.lines.filter(
        ({ msg, request_id }) => msg === 'prediction' && request_id === problem.request_id,
      ),
    ).toEqual([]);
    expect(await predictedDies()).toBe(before);
  });

  test.each([
    ['a die instead of an array', () => JSON.stringify(dieOf())],
    ['an array in the array', () => JSON.stringify([[dieOf()]])],
    ['null in the array', () => JSON.stringify([dieOf(), null])],
  ])('%s is refused with 422', async (_, body) => {
    expectProblem(await predictBatch(body()), 'invalid_input');
  });
});

describe('binary bodies', () => {
  const binary = (body: Uint8Array<ArrayBuffer>, path = '/predict', headers: Record<string, string> = {}) =>
    post(`${server().url}${path}`, body, {
      'content-type': 'application/octet-stream',
      'x-die-id': 'a',
      ...headers,
    });
  const row = Array<number>(512).fill(0.5);

  test.each([0, 1, 2044, 2047, 2049, 2052])('%i bytes are refused with 422', async (size) => {
    expectProblem(await binary(new Uint8Array(size)), 'invalid_input');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d is refused with 422 naming its index',
    async (value) => {
      const problem = expectProblem(await binary(bytesOf(row.with(511, value))), 'invalid_input');
      expect(problem.errors?.[0]?.path).toBe('test_params[511]');
    },
  );

  test('no id, an empty one or one of 129 characters is refused with 422', async () => {
    for (const id of ['', 'a'.repeat(129)]) {
      const problem = expectProblem(
        await binary(bytesOf(row), '/predict', { 'x-die-id': id }),
        'invalid_input',
      );
      expect(problem.errors?.[0]?.path).toBe('x-die-id');
    }
    const connection = await RawConnection.open(server().port);
    const head = postBytes('/predict', '').toString().replace('application/json', 'application/octet-stream');
    connection.write(head.replace('content-length: 0', 'content-length: 2048'));
    connection.write(Buffer.alloc(2048));
    expectProblem((await connection.answer()) ?? expect.fail('no answer'), 'invalid_input');
    connection.socket.destroy();
  });

  test('ids that are not one for each die are refused with 422', async () => {
    const answer = await binary(bytesOf(row, row), '/predict/batch', { 'x-die-ids': 'a,b,c' });
    expect(expectProblem(answer, 'invalid_input').errors?.[0]?.path).toBe('x-die-ids');
  });
});

/** Dies decided so far, by the server's own count. */
async function predictedDies(): Promise<number> {
  const { body } = await send(`${server().url}/metrics`);
  return z
    .array(z.coerce.number())
    .parse([...body.matchAll(/^predictions_total\{.*\} (\S+)$/gm)].map((match) => match[1]))
    .reduce((sum, count) => sum + count, 0);
}
