import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type DriftEvent, DriftEventSchema } from '../../src/drift/events.js';
import { MAX_ATTEMPTS, MAX_WAITING, signatureOf, Webhook } from '../../src/drift/webhook.js';
import { FakeClock } from '../support/fake-clock.js';

const EVENT: DriftEvent = {
  event: 'drift.started',
  event_id: '0b0f6b7e-5d0b-4f5c-9d53-4f0a7b1c2d3e',
  at: '2026-01-01T00:00:00.000Z',
  model_name: 'die-defect',
  model_version: '1',
  subject: 'equipment',
  equipment_id: 'T03',
  about: 'parameters',
  reason: 'drifted',
  psi_max: 0.6,
  over_0_25: 1,
  parameters: [{ index: 3, name: 'VTN_04', psi: 0.6 }],
  dies: 1644,
  fail_rate: 0.1,
  window_minutes: 60,
};
const NOW = new Date('2026-01-01T00:00:10Z');

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A receiver that answers the statuses that it is given, then 204, and says what it got. */
async function receiver(statuses: readonly number[]) {
  const received: Received[] = [];
  const left = [...statuses];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    received.push({ headers: request.headers, body });
    response.writeHead(left.shift() ?? 204, { location: '/elsewhere' }).end('some words');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/hook`, received };
}

function webhookTo(url: string, options: { fetch?: typeof fetch } = {}) {
  const clock = new FakeClock();
  const settled: string[] = [];
  let onSettled: () => void = () => {};
  const webhook = new Webhook({
    url,
    secret: 'key',
    clock,
    now: () => NOW,
    random: () => 1,
    onSettled: (delivery, _event, reason) => {
      settled.push(`${delivery}: ${reason}`);
      onSettled();
    },
    ...options,
  });
  onTestFinished(() => webhook.close());
  /** Moves time on past each pause until so many events are settled. */
  const untilSettled = async (count: number) => {
    while (settled.length < count) {
      await new Promise<void>((resolve) => {
        onSettled = resolve;
        setTimeout(resolve, 5);
      });
      if (clock.timers > 0) await clock.advance(clock.nextTimerInMs);
    }
  };
  return { webhook, clock, settled, untilSettled };
}

test('an event is posted once, as the schema says, signed over timestamp and body', async () => {
  const { url, received } = await receiver([]);
  const { webhook, settled, untilSettled } = webhookTo(url);
  webhook.send(EVENT);
  await untilSettled(1);
  expect(settled).toEqual(['delivered: accepted']);
  expect(received).toHaveLength(1);
  const [{ headers, body } = { headers: {}, body: '' }] = received;
  expect(DriftEventSchema.parse(JSON.parse(body))).toEqual(EVENT);
  expect(headers['x-diegate-timestamp']).toBe('1767225610');
  expect(headers['x-diegate-delivery']).toBe(EVENT.event_id);
  expect(headers['x-diegate-signature']).toBe(signatureOf('key', '1767225610', body));
  expect(headers['x-diegate-signature']).not.toBe(signatureOf('key', '1767225611', body));
});

test('the signature is the HMAC-SHA256 that openssl makes', () => {
  // printf '1767225610.{}' | openssl dgst -sha256 -hmac key
  expect(signatureOf('key', '1767225610', '{}')).toBe(
    'sha256=8340de31347b95aa330503fc39bc5d482e809d3f51993681fc9d0e4691ce85dc',
  );
});

describe('a receiver in trouble', () => {
  test('is tried again after 5xx and 429, the event unchanged, and order is kept', async () => {
    const { url, received } = await receiver([500, 429]);
    const { webhook, settled, untilSettled } = webhookTo(url);
    webhook.send(EVENT);
    webhook.send({ ...EVENT, event: 'drift.ended' });
    await untilSettled(2);
    expect(settled).toEqual(['delivered: accepted', 'delivered: accepted']);
    expect(received.map(({ headers }) => headers['x-diegate-event'])).toEqual([
      'drift.started',
      'drift.started',
      'drift.started',
      'drift.ended',
    ]);
    expect(new Set(received.slice(0, 3).map(({ body }) => body)).size).toBe(1);
  });

  test.each([[400], [410], [404]])('is not tried again after %i', async (status) => {
    const { url, received } = await receiver([status]);
    const { webhook, settled, untilSettled } = webhookTo(url);
    webhook.send(EVENT);
    await untilSettled(1);
    expect(settled).toEqual([`failed: answered ${status}`]);
    expect(received).toHaveLength(1);
  });

  test('is given up after all attempts, and a redirect is not followed', async () => {
    const { url, received } = await receiver(new Array<number>(20).fill(307));
    const { webhook, settled, untilSettled } = webhookTo(url);
    webhook.send(EVENT);
    await untilSettled(1);
    expect(settled).toHaveLength(1);
    expect(settled[0]).toMatch(/^failed: .*redirect/);
    expect(received).toHaveLength(MAX_ATTEMPTS);
  });

  test('that cannot be reached fails nothing', async () => {
    const { webhook, settled, untilSettled } = webhookTo('http://127.0.0.1:1/hook');
    webhook.send(EVENT);
    await untilSettled(1);
    expect(settled[0]).toMatch(/^failed: /);
  });

  test('holds no more than so many events; the rest is dropped and told', () => {
    const never: typeof fetch = () => new Promise(() => {});
    const { webhook, settled } = webhookTo('http://127.0.0.1:1/hook', { fetch: never });
    for (let i = 0; i < MAX_WAITING + 5; i++) webhook.send(EVENT);
    // One is under way.
    expect(settled).toEqual(new Array<string>(4).fill(`dropped: ${MAX_WAITING} events wait already`));
  });
});

test('after close nothing is sent and no timer is left', async () => {
  const { url } = await receiver(new Array<number>(20).fill(500));
  const { webhook, clock, settled } = webhookTo(url);
  webhook.send(EVENT);
  while (clock.timers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  webhook.close();
  webhook.send(EVENT);
  await clock.advance(1_000_000);
  expect(clock.timers).toBe(0);
  expect(settled).toEqual([]);
});
