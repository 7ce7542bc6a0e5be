import { describe, expect, test } from 'vitest';
import { type RateHeaders, RateLimits, type Rates } from '../../src/callers/rates.js';
import type { ParameterBounds } from '../../src/die/die.js';
import { Refusal } from '../../src/errors.js';
import { Exchange, type ExchangeParts, type ReadDies } from '../../src/exchange/exchange.js';
import type { Answered } from '../../src/exchange/message.js';
import type { Inferred, PredictionRequest } from '../../src/prediction/predictor.js';
import type { Target } from '../../src/routing/targets.js';
import { FakeClock } from '../support/fake-clock.js';
import { versionForTest } from '../support/version.js';

const version = versionForTest();

function targetOf(bounds?: readonly ParameterBounds[]): Target {
  const contract = bounds === undefined ? version.contract : { ...version.contract, bounds };
  return {
    entry: {
      key: 'sum/1',
      name: 'sum',
      number: '1',
      version,
      state: 'ready',
      reason: undefined,
      report: undefined,
    },
    version: { ...version, contract },
    assign: undefined,
    isNamed: false,
    shadows: [],
  };
}

/** What a door and the parts behind it have been asked and told, in their order. */
interface Seen {
  readonly steps: string[];
  readonly requests: PredictionRequest[];
  readonly answered: Answered[];
  readonly errors: string[];
}

/** A door of no protocol: what it is told is written down. */
class TestExchange extends Exchange {
  readonly requestId = 'r1';
  readonly method = 'POST';
  readonly route = '/test';
  readonly keyId = 'ada';
  readonly receivedAtMs = 1_000;
  readonly trace = undefined;
  readonly onGone = () => {};
  headers: Readonly<Record<string, string>> = {};
  reads: (target: Target) => ReadDies | Promise<ReadDies> = (target) => ({
    target,
    measurements: { labels: [{ die_id: 'd', equipment_id: 'T1' }], params: new Float32Array(4) },
  });
  readonly #seen: Seen;

  constructor(parts: ExchangeParts, seen: Seen) {
    super(parts);
    this.#seen = seen;
  }

  address(): string {
    return '192.0.2.1';
  }

  protected readDies(target: Target): ReadDies | Promise<ReadDies> {
    this.#seen.steps.push('read');
    return this.reads(target);
  }

  protected sayRate({ ratelimit }: RateHeaders): void {
    this.#seen.steps.push(`rate ${ratelimit.split(';')[0]}`);
  }

  protected answer({ predictions }: Inferred): void {
    this.#seen.steps.push(`answer ${predictions.map(({ die_id }) => die_id).join()}`);
    this.tell(200, undefined);
  }

  protected answerRefusal(refusal: Refusal): void {
    this.#seen.steps.push(`refuse ${refusal.code}`);
    this.tell(refusal.status, refusal);
  }
}

function bench(changes: Partial<ExchangeParts> = {}, rates: Partial<Rates> = {}) {
  const clock = new FakeClock();
  const seen: Seen = { steps: [], requests: [], answered: [], errors: [] };
  const parts: ExchangeParts = {
    clock,
    logger: { error: (_, message) => void seen.errors.push(message) },
    observers: [(answered) => void seen.answered.push(answered)],
    admit: () => {
      seen.steps.push('find');
      return targetOf();
    },
    renew: (target) => target,
    rates: new RateLimits({ perCaller: 0, perEquipment: 0, ...rates }, clock),
    reader: { release: () => void seen.steps.push('release') },
    predictor: {
      async infer(request) {
        seen.steps.push('predict');
        seen.requests.push(request);
        const predictions = request.measurements.labels.map(({ die_id }) => ({
          die_id,
          prediction: 'pass' as const,
          confidence: 1,
          anomaly_score: 0,
          inference_time_ms: 1,
          timestamp: '2026-01-01T00:00:00.000Z',
          model_name: request.version.name,
          model_version: request.version.version,
        }));
        return { predictions, contributions: undefined, fallback: undefined, queueMs: 0.5 };
      },
    },
    ...changes,
  };
  return { exchange: new TestExchange(parts, seen), parts, ...seen };
}

/** As a door does whose message has come whole and that has time. */
async function drive(exchange: Exchange): Promise<void> {
  try {
    await exchange.admit({});
    await exchange.read();
    await exchange.predict();
  } catch (error) {
    exchange.refuse(error);
  }
}

const refused = (code: 'queue_full' | 'model_not_ready') => new Refusal(code, 'no', { retryAfterSeconds: 1 });

describe('the way of a die', () => {
  test('is counted, found, read, counted for its equipment, predicted, answered, and its rows go back', async () => {
    const { exchange, steps, answered } = bench({}, { perCaller: 10, perEquipment: 10 });
    await drive(exchange);
    expect(steps).toEqual([
      'rate "caller"',
      'find',
      'read',
      'rate "equipment"',
      'predict',
      'answer d',
      'release',
    ]);
    expect(answered).toMatchObject([
      {
        requestId: 'r1',
        route: '/test',
        status: 200,
        refusalCode: '',
        address: '',
        keyId: 'ada',
        dieId: 'd',
      },
    ]);
  });

  test('waits for nothing until it is predicted, unless a version is loaded first', async () => {
    const at = bench();
    expect([at.exchange.admit({}), at.exchange.read()]).toEqual([undefined, undefined]);
    const later = bench({ admit: async () => targetOf() });
    const admitted = later.exchange.admit({});
    expect(admitted).toBeInstanceOf(Promise);
    await admitted;
    later.exchange.reads = async (target) => ({
      target,
      measurements: { labels: [{ die_id: 'late' }], params: new Float32Array(4) },
    });
    const read = later.exchange.read();
    expect(read).toBeInstanceOf(Promise);
    await read;
    await later.exchange.predict();
    expect(later.steps.slice(-2)).toEqual(['answer late', 'release']);
  });

  test('goes where what is served leads when its body has come', async () => {
    const now = targetOf();
    const { exchange, requests } = bench({ renew: () => now });
    exchange.admit({});
    exchange.renew();
    exchange.read();
    await exchange.predict();
    expect(requests[0]?.version).toBe(now.version);
  });

  test.each([
    ['of the header', { 'x-deadline-ms': '20' }, undefined, 20],
    ['of the protocol', {}, 30, 30],
    ['that is the earlier one', { 'x-deadline-ms': '20' }, 10, 10],
    ['of nobody', {}, undefined, undefined],
  ])('has the deadline %s', async (_, headers, timeoutMs, expected) => {
    const { exchange, requests } = bench();
    exchange.headers = headers;
    exchange.timeoutMs = timeoutMs;
    await drive(exchange);
    expect(requests[0]?.deadlineMs).toBe(expected);
  });

  test('by several models is answered die by die, once all of them have answered', async () => {
    const { exchange, steps } = bench();
    await exchange.admit({ model: 'a' }, [{ model: 'b' }]);
    exchange.read();
    await exchange.predict();
    expect(steps.slice(-4)).toEqual(['predict', 'predict', 'answer d,d', 'release']);
  });
});

describe('a die that is refused', () => {
  test('for its rate has no version looked for', async () => {
    const { exchange, parts, steps } = bench({}, { perCaller: 1 });
    parts.rates.countCaller(exchange);
    await drive(exchange);
    expect(steps).toEqual(['rate "caller"', 'refuse rate_limited']);
  });

  test('for a value out of its bounds gives its rows back, and is counted for no equipment', async () => {
    const bounded = targetOf([{ name: 'vdd', unit: undefined, minimum: 1, maximum: 2 }]);
    const { exchange, steps, answered } = bench({ admit: () => bounded }, { perEquipment: 1 });
    await drive(exchange);
    expect(steps).toEqual(['read', 'release', 'refuse invalid_input']);
    expect(answered[0]?.refusalDetail).toMatch(/^test_params\[0\]: vdd: expected 1 to 2, found 0/);
  });

  test('for the rate of its equipment gives its rows back', async () => {
    const { exchange, parts, steps } = bench({}, { perEquipment: 1 });
    parts.rates.countEquipment(exchange, 'T1');
    await drive(exchange);
    expect(steps).toEqual(['find', 'read', 'rate "equipment"', 'release', 'refuse rate_limited']);
  });

  test('by the queue is told with its code and address, and its rows go back', async () => {
    const infer = async () => Promise.reject(refused('queue_full'));
    const { exchange, steps, answered, errors } = bench({ predictor: { infer } });
    await drive(exchange);
    expect(steps.slice(-2)).toEqual(['refuse queue_full', 'release']);
    expect(answered).toMatchObject([{ status: 503, refusalCode: 'queue_full', address: '192.0.2.1' }]);
    expect(errors).toEqual([]);
  });

  test('for a deadline that is none', async () => {
    const { exchange, steps, answered } = bench();
    exchange.headers = { 'x-deadline-ms': 'soon' };
    await drive(exchange);
    expect(steps.slice(-2)).toEqual(['refuse invalid_input', 'release']);
    expect(answered[0]?.refusalDetail).toBe(
      'x-deadline-ms: expected whole milliseconds from 1 to 600000, found "soon"',
    );
  });

  test('by something that nobody foresaw is an internal error, which the log has', async () => {
    const { exchange, steps, answered, errors } = bench({
      predictor: {
        infer: () => {
          throw new TypeError('a bug');
        },
      },
    });
    await drive(exchange);
    expect(steps.slice(-2)).toEqual(['refuse internal_error', 'release']);
    expect(answered[0]?.refusalDetail).not.toContain('a bug');
    expect(errors).toEqual(['unexpected error']);
  });

  test('of several models by one of them leaves no failure of another behind', async () => {
    const load = Promise.reject(refused('model_not_ready'));
    const { exchange } = bench({
      admit: (model) => {
        if (model === 'b') throw refused('queue_full');
        return load;
      },
    });
    await expect(exchange.admit({ model: 'a' }, [{ model: 'b' }])).rejects.toThrow(Refusal);
  });
});

test('a fault of an observer is logged, and the others are told', async () => {
  const told: number[] = [];
  const bug = () => {
    throw new TypeError('a bug');
  };
  const { exchange, errors } = bench({ observers: [bug, ({ status }) => void told.push(status)] });
  await drive(exchange);
  expect([told, errors]).toEqual([[200], ['an observer failed']]);
});
