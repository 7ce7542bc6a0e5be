import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createRefusalLog, createSampler } from '../../src/monitoring/prediction-log.js';
import { dieOf } from '../support/dies.js';
import { post } from '../support/http.js';
import { sumVersion } from '../support/models.js';
import { appForSuite } from '../support/start-app.js';

describe('the sampler', () => {
  test.each([
    [0, 0],
    [0.01, 10],
    [0.25, 250],
    [0.5, 500],
    [1, 1000],
  ])('a share of %d takes %i of a thousand, evenly', (share, expected) => {
    const isSampled = createSampler(share);
    const taken = Array.from({ length: 1000 }, () => isSampled());
    // A sum of a thousand shares in floating point may fall short of the last one.
    expect(Math.abs(taken.filter(Boolean).length - expected)).toBeLessThanOrEqual(1);
    const firstHalf = taken.slice(0, 500).filter(Boolean).length;
    expect(Math.abs(firstHalf - expected / 2)).toBeLessThanOrEqual(1);
  });
});

describe('lines built by hand are the JSON that pino would write', () => {
  const server = appForSuite(() => ({ versions: [sumVersion(4)] }));

  test.each(['plain', '"', '\\', '\n', '\u0000', '\u2028', '晶圆', '💥', '</script>', '{"level":"fatal"}'])(
    'a die with the id %j is one line, with that id',
    async (die_id) => {
      const answer = await post(`${server().url}/predict`, JSON.stringify(dieOf({ die_id }, 4)));
      const request_id = answer.headers.get('x-request-id');
      const line = await server().log.line((candidate) => candidate.request_id === request_id);
      expect(line).toMatchObject({ level: 'info', msg: 'prediction', die_id, model: 'sum', version: '1' });
    },
  );

  test.each([
    [[0, 0, 0, 0], 0],
    [[1e-45, 0, 0, 0], 1.401298464324817e-45],
    [[3.4028234663852886e38, 0, 0, 0], 3.4028234663852886e38],
  ])('a score of any size is a JSON number', async (test_params, score) => {
    const answer = await post(`${server().url}/predict`, JSON.stringify(dieOf({ test_params })));
    const request_id = answer.headers.get('x-request-id');
    expect((await server().log.line((line) => line.request_id === request_id)).score).toBe(score);
  });
});

describe('a line of a prediction says what the die said of itself', () => {
  const server = appForSuite(() => ({ versions: [sumVersion(4)] }));
  const lineOf = async (path: string, body: unknown) => {
    const { headers } = await post(`${server().url}${path}`, JSON.stringify(body));
    const request_id = headers.get('x-request-id');
    return server().log.line((line) => line.request_id === request_id);
  };
  const context = {
    lot_id: 'L"1',
    wafer_id: 'W1',
    x: 3,
    y: -4,
    insertion: 'cp1',
    touchdown: 7,
    equipment_id: 'T1',
    stdf_file: 'a.stdf',
  };

  test('one die: as it said it', async () => {
    expect(await lineOf('/predict', dieOf(context, 4))).toMatchObject(context);
  });

  test('nothing where it said nothing', async () => {
    const line = await lineOf('/predict', { ...dieOf({}, 4), lot_id: null });
    expect(Object.keys(line).filter((key) => key in context)).toEqual([]);
  });

  test('many dies: once where all say the same, else in their order', async () => {
    const dies = [dieOf(context, 4), dieOf({ ...context, x: 4, equipment_id: null }, 4)];
    expect(await lineOf('/predict/batch', dies)).toMatchObject({
      ...context,
      x: [3, 4],
      equipment_id: ['T1', null],
    });
  });
});

test('only refused prediction requests are logged as refused', () => {
  const lines: string[] = [];
  const log = createRefusalLog((line) => lines.push(line), 1);
  const answered = {
    requestId: 'r',
    status: 422,
    durationMs: 1.23456,
    refusalCode: 'invalid_input',
    refusalDetail: 'x'.repeat(500),
    route: '/predict',
    address: '127.0.0.1',
    keyId: '',
    dieId: undefined,
    traceId: undefined,
    equipmentId: 'tester-7',
  } as const;
  log({ ...answered, predicts: false });
  log({ ...answered, predicts: true, refusalCode: '' });
  log({ ...answered, predicts: true });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/\n$/);
  const LineSchema = z.strictObject({
    level: z.literal('info'),
    time: z.iso.datetime(),
    request_id: z.literal('r'),
    code: z.literal('invalid_input'),
    status: z.literal(422),
    detail: z.string().length(200),
    route: z.literal('/predict'),
    address: z.literal('127.0.0.1'),
    equipment_id: z.literal('tester-7'),
    latency_ms: z.literal(1.235),
    msg: z.literal('refused'),
  });
  LineSchema.parse(JSON.parse(lines[0] ?? ''));
});

test('a request refused for who sent it is logged whatever it asked for and whatever the share, with its key', () => {
  const lines: string[] = [];
  const log = createRefusalLog((line) => lines.push(line), 0);
  const refused = {
    requestId: 'r',
    status: 403,
    durationMs: 1,
    refusalCode: 'forbidden',
    refusalDetail: 'no',
    route: '/models',
    address: '127.0.0.1',
    keyId: 'cell-7',
    dieId: undefined,
    traceId: undefined,
    equipmentId: undefined,
    predicts: false,
  } as const;
  log(refused);
  log({ ...refused, refusalCode: 'not_found' });
  expect(lines.map((line) => z.looseObject({ key_id: z.string() }).parse(JSON.parse(line)).key_id)).toEqual([
    'cell-7',
  ]);
});
