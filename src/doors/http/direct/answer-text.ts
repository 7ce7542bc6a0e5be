import { STATUS_CODES } from 'node:http';
import type { RateHeaders } from '../../../callers/rates.js';
import type { Refusal } from '../../../errors.js';
import { SECURITY_HEADERS } from '../plugins/security-headers.js';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../schemas/problem.js';

/** What an answer consists of, beside what all answers have. */
export interface DirectAnswer {
  readonly status: number;
  readonly mediaType: string;
  readonly requestId: string;
  readonly retryAfterSeconds?: number | undefined;
  /** What is said of the rate that the request was counted for. */
  readonly rate?: RateHeaders | undefined;
  readonly body: string;
}

/** The answer of a refusal, as a problem. */
export function refusalAnswer(refusal: Refusal, requestId: string, rate?: RateHeaders): DirectAnswer {
  return {
    status: refusal.status,
    mediaType: PROBLEM_MEDIA_TYPE,
    requestId,
    retryAfterSeconds: refusal.retryAfterSeconds,
    rate,
    body: JSON.stringify(problemOf(refusal, requestId)),
  };
}

/** A whole answer, and as what its characters are to be written. */
interface WrittenAnswer {
  readonly text: string;
  readonly encoding: 'latin1' | 'utf8';
}

/** Writes answers as text, in one piece: the same headers, in the same order, as those of the other way. */
export class AnswerWriter {
  readonly #keepAlive: string;
  readonly #constantHeaders: string;
  readonly #statusLines = new Map<number, string>();
  #second = Number.NaN;
  #date = '';

  /** @param headers what all answers have beside the headers of security */
  constructor(keepAliveTimeoutMs: number, headers: Readonly<Record<string, string>> = {}) {
    this.#constantHeaders = Object.entries({ ...SECURITY_HEADERS, ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}`;
  }

  /** @param isLast whether the connection ends with it */
  write(answer: DirectAnswer, isLast: boolean): WrittenAnswer {
    const { status, mediaType, requestId, retryAfterSeconds, rate, body } = answer;
    const bytes = Buffer.byteLength(body);
    const rateLines =
      rate === undefined
        ? ''
        : `ratelimit-policy: ${rate['ratelimit-policy']}\r\nratelimit: ${rate.ratelimit}\r\n`;
    const retryAfter = retryAfterSeconds === undefined ? '' : `retry-after: ${retryAfterSeconds}\r\n`;
    const text =
      `${this.#statusLine(status)}x-request-id: ${requestId}\r\n${this.#constantHeaders}${rateLines}${retryAfter}` +
      `content-type: ${mediaType}\r\ncontent-length: ${bytes}\r\nDate: ${this.#now()}\r\n` +
      `${isLast ? 'Connection: close' : this.#keepAlive}\r\n\r\n${body}`;
    // As many bytes as characters: all of them are ASCII, as those of the headers are.
    return { text, encoding: bytes === body.length ? 'latin1' : 'utf8' };
  }

  #statusLine(status: number): string {
    let line = this.#statusLines.get(status);
    if (line === undefined) {
      line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
      this.#statusLines.set(status, line);
    }
    return line;
  }

  /** IMF-fixdate of now; made once for each second. */
  #now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1000).toUTCString();
    }
    return this.#date;
  }
}
