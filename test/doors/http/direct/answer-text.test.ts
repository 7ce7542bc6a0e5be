import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  AnswerWriter,
  type DirectAnswer,
  refusalAnswer,
} from '../../../../src/doors/http/direct/answer-text.js';
import { Refusal } from '../../../../src/errors.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  return () => vi.useRealTimers();
});

function answerOf(changes: Partial<DirectAnswer> = {}): DirectAnswer {
  return {
    status: 200,
    mediaType: 'application/json; charset=utf-8',
    requestId: 'request-1',
    body: '{"a":1}',
    ...changes,
  };
}

describe('an answer', () => {
  const writer = new AnswerWriter(75_999);

  test('has the headers of all answers, each on a line, and its body behind an empty one', () => {
    expect(writer.write(answerOf(), false).text.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'x-request-id: request-1',
      'x-content-type-options: nosniff',
      'x-frame-options: DENY',
      'referrer-policy: no-referrer',
      "content-security-policy: default-src 'none'; frame-ancestors 'none'",
      'cache-control: no-store',
      'content-type: application/json; charset=utf-8',
      'content-length: 7',
      'Date: Fri, 02 Jan 2026 03:04:05 GMT',
      'Connection: keep-alive',
      'Keep-Alive: timeout=75',
      '',
      '{"a":1}',
    ]);
  });

  test('has the other headers that all answers are to have', () => {
    const text = new AnswerWriter(1_000, { vary: 'Origin' }).write(answerOf(), false).text;
    expect(text).toContain('\r\ncache-control: no-store\r\nvary: Origin\r\ncontent-type: ');
  });

  test('that is the last says so, and promises no time-out', () => {
    const lines = writer.write(answerOf(), true).text.split('\r\n');
    expect(lines).toContain('Connection: close');
    expect(lines.filter((line) => /^keep-alive/i.test(line))).toEqual([]);
  });

  test('names the time of each second anew', () => {
    const dateOf = () => /^Date: (.*)\r$/m.exec(writer.write(answerOf(), false).text)?.[1];
    vi.setSystemTime(NOW + 321);
    expect(dateOf()).toBe('Fri, 02 Jan 2026 03:04:05 GMT');
    vi.setSystemTime(NOW + 322);
    expect(dateOf()).toBe('Fri, 02 Jan 2026 03:04:06 GMT');
    // A clock that is set back is followed too.
    vi.setSystemTime(NOW - 60_000);
    expect(dateOf()).toBe('Fri, 02 Jan 2026 03:03:05 GMT');
  });

  test.each([
    ['"é"', 4],
    ['"漢字"', 8],
    ['"😀"', 6],
    ['', 0],
  ])('counts the bytes of %j as UTF-8: %d', (body, bytes) => {
    const { text, encoding } = writer.write(answerOf({ body }), false);
    expect(text).toContain(`\r\ncontent-length: ${bytes}\r\n`);
    const sent = Buffer.from(text, encoding);
    expect(sent.subarray(sent.indexOf('\r\n\r\n') + 4).toString('utf8')).toBe(body);
  });

  test.each([
    [400, 'Bad Request'],
    [404, 'Not Found'],
    [422, 'Unprocessable Entity'],
    [503, 'Service Unavailable'],
    [504, 'Gateway Timeout'],
  ])('of status %d has its phrase', (status, phrase) => {
    for (let time = 0; time < 2; time++)
      expect(writer.write(answerOf({ status }), false).text).toMatch(`HTTP/1.1 ${status} ${phrase}\r\n`);
  });
});

describe('the answer of a refusal', () => {
  test('is a problem with its faults, and says when to try again', () => {
    const faults = [{ path: 'die_id', message: 'a "quoted" line\nand 漢字' }];
    const refusal = new Refusal('invalid_input', 'die_id: \r\nx-evil: 1', { faults, retryAfterSeconds: 3 });
    const text = new AnswerWriter(1_000).write(refusalAnswer(refusal, 'request-1'), false).text;
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head).toContain('\r\nretry-after: 3\r\ncontent-type: application/problem+json; charset=utf-8\r\n');
    expect(head).not.toContain('x-evil');
    expect(JSON.parse(body)).toEqual({
      type: 'urn:diegate:problem:invalid_input',
      title: refusal.title,
      status: 422,
      detail: 'die_id: \r\nx-evil: 1',
      request_id: 'request-1',
      errors: faults,
      error_count: 1,
    });
  });

  test('without a time to try again has no header for it', () => {
    const { retryAfterSeconds } = refusalAnswer(new Refusal('invalid_json', 'no'), 'request-1');
    const text = new AnswerWriter(1_000).write(answerOf({ retryAfterSeconds }), false).text;
    expect(text).not.toContain('retry-after');
  });
});
