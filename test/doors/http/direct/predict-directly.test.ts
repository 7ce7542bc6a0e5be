import { describe, expect, test } from 'vitest';
import type { Access } from '../../../../src/callers/access.js';
import { createClientAddress } from '../../../../src/callers/client-address.js';
import { RateLimits } from '../../../../src/callers/rates.js';
import { readConfig } from '../../../../src/config.js';
import { AnswerWriter } from '../../../../src/doors/http/direct/answer-text.js';
import {
  DirectPredict,
  type DirectPredictOptions,
} from '../../../../src/doors/http/direct/predict-directly.js';
import { Refusal } from '../../../../src/errors.js';
import type { Answered } from '../../../../src/exchange/message.js';
import { createLogger } from '../../../../src/monitoring/monitoring.js';
import { Predictor, type Scorer } from '../../../../src/prediction/predictor.js';
import type { Target } from '../../../../src/routing/targets.js';
import { CallReader, DieReader } from '../../../../src/rows/read-dies.js';
import { dieOf } from '../../../support/dies.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { expectProblem, postBytes, type RawAnswer } from '../../../support/http.js';
import { LogCollector } from '../../../support/start-app.js';
import { versionForTest } from '../../../support/version.js';
import { closed, connect, echoOf, KEEP_ALIVE_MS, openDoorBefore, until } from './support.js';

const REQUEST = postBytes('/predict', JSON.stringify(dieOf({}, 4)));

const version = versionForTest();
const target: Target = {
  entry: {
    key: 'sum/1',
    name: 'sum',
    number: '1',
    version,
    state: 'ready',
    reason: undefined,
    report: undefined,
  },
  version,
  assign: undefined,
  isNamed: false,
  shadows: [],
};

type Submitted = Parameters<Scorer['submit']>[1];

/** The direct way from the socket to a scorer that does as it is told. */
async function open(
  changes: Partial<DirectPredictOptions> = {},
  score = (_: Submitted) => Promise.resolve(0.5),
) {
  const clock = new FakeClock();
  const log = new LogCollector();
  const submitted: Submitted[] = [];
  const seen: Answered[] = [];
  const scorer: Scorer = {
    async submit(_key, call) {
      submitted.push(call);
      return { scores: Float32Array.of(await score(call)), runMs: [1], contributions: undefined };
    },
  };
  const reader = new DieReader(1, () => {});
  const handler = new DirectPredict({
    clock,
    logger: createLogger(readConfig({ MODEL_REPOSITORY: '/nowhere' }), log),
    predictor: new Predictor({ scorer, clock, observers: [], onObserverError: () => {} }),
    reader,
    calls: new CallReader({ reader, admit: () => target }),
    writer: new AnswerWriter(KEEP_ALIVE_MS),
    rates: new RateLimits({ perCaller: 0, perEquipment: 0 }, clock),
    clientAddress: createClientAddress([]),
    admit: () => target,
    renew: (found) => found,
    requestIds: () => 'made-here',
    isDraining: () => false,
    access: undefined,
    observers: [(answered) => seen.push(answered)],
    ...changes,
  });
  const bench = await openDoorBefore(handler, clock);
  const errors = () => log.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg);
  return { ...bench, ...(await connect(bench)), submitted, seen, errors };
}

const isOther = (answer: RawAnswer | undefined) => echoOf(answer).way === 'node';

/** Nobody knows how this could happen, and it must not end the process. */
const bug = (): never => {
  throw new TypeError('a bug');
};

describe('a plain die', () => {
  test('is answered, and its observers are told once', async () => {
    const { client, seen } = await open();
    client.write(REQUEST);
    const answer = (await client.answer()) ?? expect.fail('no answer');
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'made-here']);
    expect(JSON.parse(answer.body)).toMatchObject({ die_id: 'wafer123_die456', prediction: 'pass' });
    expect(seen).toMatchObject([
      { status: 200, route: '/predict', refusalCode: '', dieId: 'wafer123_die456' },
    ]);
  });

  test('has its deadline counted from its arrival', async () => {
    const { client, arrived, clock, submitted } = await open();
    const bytes = postBytes('/predict', JSON.stringify(dieOf({}, 4)), ['x-deadline-ms: 250']);
    client.write(bytes.subarray(0, -1));
    await arrived(bytes.length - 1);
    const atMs = clock.nowMs();
    await clock.advance(100);
    client.write(bytes.subarray(-1));
    expect((await client.answer())?.status).toBe(200);
    expect(submitted[0]?.deadlineAtMs).toBe(atMs + 250);
  });

  test('that is refused is a problem, and the connection goes on', async () => {
    const { client, seen } = await open({}, () =>
      Promise.reject(new Refusal('queue_full', 'full', { retryAfterSeconds: 2 })),
    );
    for (let n = 1; n <= 2; n++) {
      client.write(REQUEST);
      const answer = (await client.answer()) ?? expect.fail('no answer');
      expectProblem(answer, 'queue_full');
      expect(answer.headers.get('retry-after')).toBe('2');
      expect(seen).toHaveLength(n);
    }
    expect(seen[0]).toMatchObject({ refusalCode: 'queue_full', refusalDetail: 'full', address: '127.0.0.1' });
  });

  test('whose client has gone is told nobody of', async () => {
    let gone = 0;
    const { client, socket, seen, errors, submitted } = await open({}, ({ onGone }) => {
      return new Promise((_, reject) => {
        onGone?.(() => {
          gone++;
          reject(new Refusal('inference_failed', 'the client has gone'));
        });
      });
    });
    client.write(REQUEST);
    await until(() => submitted.length === 1);
    client.socket.end();
    await closed(socket);
    expect([gone, seen, errors()]).toEqual([1, [], []]);
  });
});

describe('an error that nobody foresaw is a bare 500, logged, and the connection goes on', () => {
  test.each<[string, Partial<DirectPredictOptions>, () => Promise<number>]>([
    ['of the scorer', {}, () => Promise.reject(new TypeError('a bug'))],
    ['of the scorer, at once', {}, bug],
    ['of the admission', { admit: bug }, () => Promise.resolve(1)],
    [
      'of the decoder',
      { calls: new CallReader({ reader: new DieReader(1, bug), admit: bug }) },
      () => Promise.resolve(1),
    ],
  ])('%s', async (_, changes, score) => {
    const { client, seen, errors } = await open(changes, score);
    for (let n = 1; n <= 2; n++) {
      client.write(REQUEST);
      const answer = (await client.answer()) ?? expect.fail('no answer');
      expect(expectProblem(answer, 'internal_error').detail).not.toContain('a bug');
      expect(errors()).toEqual(Array(n).fill('unexpected error'));
    }
    expect(seen.map(({ status }) => status)).toEqual([500, 500]);
    client.socket.end();
    expect(await client.closed()).toBe('');
  });

  test('but of an observer it changes no answer, and the others are told', async () => {
    const told: number[] = [];
    const { client, errors } = await open({ observers: [bug, ({ status }) => told.push(status)] });
    client.write(REQUEST);
    expect((await client.answer())?.status).toBe(200);
    client.write(postBytes('/predict', '{'));
    expect((await client.answer())?.status).toBe(400);
    client.socket.end();
    expect(await client.closed(), 'no second answer').toBe('');
    expect([told, errors()]).toEqual([
      [200, 400],
      ['an observer failed', 'an observer failed'],
    ]);
  });
});

describe('the other way goes', () => {
  const accessBy = (identify: Access['identify']): Access => ({
    identify,
    expected: 'an API key',
    hasAdmin: () => false,
    reload: async () => {},
    stop: () => {},
  });
  const caller = (...permissions: ('read' | 'predict')[]) => ({ id: 'ada', permissions });
  const withKey = (bytes = JSON.stringify(dieOf({}, 4))) => postBytes('/predict', bytes, ['x-api-key: a']);

  test.each<[string, Partial<DirectPredictOptions>]>([
    ['while the server drains', { isDraining: () => true }],
    ['a die of a version that is to be loaded', { admit: () => Promise.resolve(target) }],
    [
      'a die of a version that cannot be loaded',
      { admit: () => Promise.reject(new Refusal('model_not_ready', 'no')) },
    ],
    ['an unknown key', { access: accessBy(() => Promise.reject(new Refusal('unauthorized', 'no'))) }],
    [
      'a key that is refused at once',
      {
        access: accessBy(() => {
          throw new Refusal('unauthorized', 'no');
        }),
      },
    ],
    ['a caller who may not predict', { access: accessBy(() => caller('read')) }],
    ['a token that is being verified', { access: accessBy(() => Promise.resolve(caller('predict'))) }],
    ['a failure to find out who calls', { access: accessBy(bug) }],
  ])('%s', async (_, changes) => {
    for (const firstBytes of [withKey().length, withKey().length - 5]) {
      const { client, arrived, seen } = await open(changes);
      client.write(withKey().subarray(0, firstBytes));
      await arrived(firstBytes);
      client.write(withKey().subarray(firstBytes));
      expect(isOther(await client.answer())).toBe(true);
      expect(seen).toEqual([]);
    }
  });

  test('what would be refused anyway, before its body has come', async () => {
    for (const admit of [
      bug,
      () => {
        throw new Refusal('queue_full', 'full');
      },
    ]) {
      const { client, socket, door, arrived } = await open({ admit });
      client.write(REQUEST.subarray(0, -5));
      await arrived(REQUEST.length - 5);
      expect(door.has(socket)).toBe(false);
      client.write(REQUEST.subarray(-5));
      expect(isOther(await client.answer())).toBe(true);
    }
  });

  test('no die of a caller who may predict, who is named to the observers', async () => {
    const { client, seen } = await open({ access: accessBy(() => caller('read', 'predict')) });
    client.write(withKey());
    expect((await client.answer())?.status).toBe(200);
    expect(seen.map(({ keyId }) => keyId)).toEqual(['ada']);
  });
});

test('an answer that is written while the server drains is the last one', async () => {
  let draining = false;
  let finish = (_: number): void => {};
  const { client, submitted } = await open({ isDraining: () => draining }, () => {
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  client.write(REQUEST);
  await until(() => submitted.length === 1);
  draining = true;
  finish(0.5);
  const answer = await client.answer();
  expect([answer?.status, answer?.headers.get('connection')]).toEqual([200, 'close']);
  expect(await client.closed()).toBe('');
});
