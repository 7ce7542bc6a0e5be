import { describe, expect, test } from 'vitest';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../../src/doors/grpc/messages/health-messages.js';
import { healthMethods } from '../../../../src/doors/grpc/services/health.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { FakeEngine } from '../../http/oip/support.js';
import { call, callStream } from './support.js';

const { check, watch } = Health.method;

function healthOf(engine: FakeEngine) {
  const clock = new FakeClock();
  const methods = healthMethods({ engine, clock });
  return {
    clock,
    methods,
    statusOf: async (service: string) => (await call(methods, check, { service })).status,
  };
}

describe('a check', () => {
  test('says whether the server is ready, by no name or by a service of it', async () => {
    const engine = new FakeEngine();
    const { statusOf } = healthOf(engine);
    expect(await statusOf('')).toBe(Status.SERVING);
    engine.waitingFor = ['the server is draining'];
    expect(await statusOf('')).toBe(Status.NOT_SERVING);
    expect(await statusOf('inference.GRPCInferenceService')).toBe(Status.NOT_SERVING);
  });

  test('says whether a model or a version is ready', async () => {
    const engine = new FakeEngine();
    engine.states = { '1': 'LOADING' };
    const { statusOf } = healthOf(engine);
    expect(await statusOf('screen')).toBe(Status.SERVING);
    expect(await statusOf('screen/2')).toBe(Status.SERVING);
    expect(await statusOf('screen/1')).toBe(Status.NOT_SERVING);
  });

  test.each(['nope', 'screen/9', 'screen/1/2', '/'])(
    'of what is not here (%s) is refused as not found',
    async (name) => {
      const { statusOf } = healthOf(new FakeEngine());
      await expect(statusOf(name)).rejects.toThrow(expect.objectContaining({ code: 'model_not_found' }));
    },
  );
});

describe('a watch', () => {
  test('tells the status at once and each time that it has changed, to the end of the call', async () => {
    const engine = new FakeEngine();
    const { clock, methods } = healthOf(engine);
    const end = new AbortController();
    const told = callStream(methods, watch, [{ service: '' }], end.signal);
    expect((await told.next()).value?.status).toBe(Status.SERVING);
    const second = told.next();
    await clock.advance(1_000);
    engine.waitingFor = ['the server is draining'];
    await clock.advance(1_000);
    expect((await second).value?.status).toBe(Status.NOT_SERVING);
    const third = told.next();
    end.abort();
    expect((await third).done).toBe(true);
  });

  test('of what is not here waits for it', async () => {
    const engine = new FakeEngine();
    const { methods } = healthOf(engine);
    const end = new AbortController();
    const told = callStream(methods, watch, [{ service: 'nope' }], end.signal);
    expect((await told.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
    end.abort();
    expect((await told.next()).done).toBe(true);
  });
});
