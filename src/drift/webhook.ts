import { createHmac } from 'node:crypto';
import type { Clock } from '../serving/clock.js';
import type { DriftEvent } from './events.js';

/** How one event ended. */
const DELIVERIES = ['delivered', 'failed', 'dropped'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** Events that wait for a receiver; beyond them new ones are dropped. */
export const MAX_WAITING = 100;
/** Attempts for one event: the pauses between them come to 31 to 62 s, each attempt to 10 s at most. */
export const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 2_000;
const ATTEMPT_TIMEOUT_MS = 10_000;

interface WebhookOptions {
  readonly url: string;
  /** Key of the signature. */
  readonly secret: string;
  readonly clock: Clock;
  /** The time of day. */
  readonly now: () => Date;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told once for each event. */
  readonly onSettled: (delivery: Delivery, event: DriftEvent, reason: string) => void;
  /** Sends requests; another one only in tests. */
  readonly fetch?: typeof fetch;
}

/**
 * Posts drift events to one receiver, one after another in their order, with retries that lie further and
 * further apart. It never throws and nothing waits for it: what cannot be delivered is dropped, counted
 * and told.
 */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #waiting: DriftEvent[] = [];
  readonly #closing = new AbortController();
  #busy = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  send(event: DriftEvent): void {
    if (this.#closing.signal.aborted) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#options.onSettled('dropped', event, `${MAX_WAITING} events wait already`);
      return;
    }
    this.#waiting.push(event);
    if (!this.#busy) void this.#drain();
  }

  /** Gives up what waits; resolves at once. */
  close(): void {
    this.#closing.abort();
    this.#waiting.length = 0;
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift())
      await this.#deliver(event);
    this.#busy = false;
  }

  async #deliver(event: DriftEvent): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#attempt(event);
      if (this.#closing.signal.aborted) return;
      if (failure === undefined || attempt === MAX_ATTEMPTS || failure.final) {
        const reason = failure?.reason ?? 'accepted';
        this.#options.onSettled(failure === undefined ? 'delivered' : 'failed', event, reason);
        return;
      }
      await this.#pause(attempt);
    }
  }

  async #attempt(event: DriftEvent): Promise<{ reason: string; final: boolean } | undefined> {
    const { url, secret, now, fetch: send = fetch } = this.#options;
    const body = JSON.stringify(event);
    const timestamp = String(Math.floor(now().getTime() / 1000));
    const timeout = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS);
    try {
      const answer = await send(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-diegate-event': event.event,
          'x-diegate-delivery': event.event_id,
          'x-diegate-timestamp': timestamp,
          'x-diegate-signature': signatureOf(secret, timestamp, body),
        },
        body,
        redirect: 'error',
        signal: AbortSignal.any([timeout, this.#closing.signal]),
      });
      // The answer's words are not wanted; unread, they would keep the connection.
      await answer.body?.cancel();
      if (answer.ok) return undefined;
      return { reason: `answered ${answer.status}`, final: isFinal(answer.status) };
    } catch (error) {
      return { reason: describe(error), final: false };
    }
  }

  /** 2, 4, 8 ... seconds, each between half and the whole of it, so that replicas do not retry in step. */
  #pause(attempt: number): Promise<void> {
    const delayMs = FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + this.#options.random() / 2);
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#closing.signal.addEventListener(
        'abort',
        () => {
          cancel();
          resolve();
        },
        { once: true },
      );
    });
  }
}

/**
 * `sha256=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body. The timestamp is signed too,
 * so that a receiver which refuses old ones cannot be sent an old event again.
 */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

/** An answer that will not be another one the next time: 4xx, but for time-outs and too many requests. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
