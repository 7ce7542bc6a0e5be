import { describe, expect, it } from 'vitest';
import { judgeAnswer } from '../../src/replay/verdict.js';
import { answer, predictionOf } from './support.js';

const problem = (status: number, code: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: `urn:diegate:problem:${code}`,
  title: 'A title',
  status,
  detail: 'what was found',
  request_id: '1',
  ...more,
});
const batch = (...ids: readonly string[]) => ({
  predictions: ids.map((id) => predictionOf(id)),
  count: ids.length,
});

describe('an answer', () => {
  it('is a prediction for exactly the dies posted, in their order', () => {
    expect(judgeAnswer(answer(200, predictionOf('a')), ['a'], 'die')).toMatchObject({
      kind: 'answered',
      predictions: [{ die_id: 'a' }],
    });
    expect(judgeAnswer(answer(200, batch('a', 'b')), ['a', 'b'], 'batch')).toMatchObject({
      kind: 'answered',
    });
  });

  it.each([
    ['of another die', answer(200, predictionOf('b')), ['a'], 'die'],
    ['in another order', answer(200, batch('b', 'a')), ['a', 'b'], 'batch'],
    ['of too few dies', answer(200, batch('a')), ['a', 'b'], 'batch'],
    ['of too many dies', answer(200, batch('a', 'b', 'c')), ['a', 'b'], 'batch'],
    ['in another form', answer(200, batch('a')), ['a'], 'die'],
    ['that is no prediction', answer(200, { hello: 'world' }), ['a'], 'die'],
    ['without a decision', answer(200, predictionOf('a', { prediction: 'maybe' })), ['a'], 'die'],
    ['that is no JSON', { ...answer(200, ''), body: '{"die_id":' }, ['a'], 'die'],
  ] as const)('%s is none: the dies are posted again', (_, attempt, ids, form) => {
    expect(judgeAnswer(attempt, ids, form)).toMatchObject({ kind: 'retry', cause: 'unreadable_answer' });
  });

  it.each([
    [429, 'rate_limited'],
    [503, 'queue_full'],
    [504, 'deadline_exceeded'],
    [500, 'internal_error'],
    [408, 'request_timeout'],
  ])('of status %i means later, with what the server asks for', (status, code) => {
    expect(judgeAnswer(answer(status, problem(status, code), '2'), ['a'], 'die')).toEqual({
      kind: 'retry',
      cause: `${status} ${code}`,
      detail: 'what was found',
      retryAfter: '2',
    });
  });

  it.each([400, 401, 403, 404, 413, 415, 422, 301, 204])('of status %i is final', (status) => {
    expect(judgeAnswer(answer(status, 'anything'), ['a'], 'die')).toMatchObject({
      kind: 'refused',
      cause: `${status}`,
      eachAlone: false,
    });
  });

  it('that refuses a body of several dies may mean only one of them', () => {
    const faults = { errors: [{ path: '[1].test_params[0]', message: 'expected a number' }] };
    expect(judgeAnswer(answer(422, problem(422, 'invalid_input', faults)), ['a', 'b'], 'batch')).toEqual({
      kind: 'refused',
      cause: '422 invalid_input',
      detail: '[1].test_params[0]: expected a number',
      eachAlone: true,
    });
    expect(judgeAnswer(answer(403, problem(403, 'forbidden')), ['a', 'b'], 'batch')).toMatchObject({
      eachAlone: false,
    });
  });

  it('names no cause that another server has made up', () => {
    expect(judgeAnswer(answer(503, problem(503, 'x'.repeat(50))), ['a'], 'die')).toMatchObject({
      cause: '503',
    });
  });

  it('that never came is waited for again', () => {
    expect(judgeAnswer({ kind: 'lost', cause: 'timeout', detail: 'late' }, ['a'], 'die')).toEqual({
      kind: 'retry',
      cause: 'timeout',
      detail: 'late',
      retryAfter: undefined,
    });
  });
});
