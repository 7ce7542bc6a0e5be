import { expect, test } from 'vitest';
import { Fault, REFUSALS, Refusal } from '../src/errors.js';

// A changed or removed code is a changed contract: it needs a line in the changelog.
test('the catalogue of refusals is the one that callers know', () => {
  const statuses = Object.fromEntries(Object.entries(REFUSALS).map(([code, { status }]) => [code, status]));
  expect(statuses).toEqual({
    invalid_json: 400,
    bad_request: 400,
    unauthorized: 401,
    forbidden: 403,
    not_found: 404,
    method_not_allowed: 405,
    model_not_found: 404,
    version_not_found: 404,
    drift_not_measured: 404,
    change_conflict: 409,
    request_timeout: 408,
    body_too_large: 413,
    batch_too_large: 413,
    unsupported_media_type: 415,
    invalid_input: 422,
    unscorable_die: 422,
    rate_limited: 429,
    headers_too_large: 431,
    internal_error: 500,
    queue_full: 503,
    draining: 503,
    records_unavailable: 503,
    model_not_ready: 503,
    state_not_saved: 503,
    inference_failed: 503,
    deadline_exceeded: 504,
  });
});

test('every title is a sentence of its own', () => {
  const titles = Object.values(REFUSALS).map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  // It stands in a status line too.
  for (const title of titles) expect(title).toMatch(/^[A-Z][ A-Za-z]+$/);
});

test('a refusal carries the status and title of its code, and its cause', () => {
  const cause = new Error('why');
  const refusal = new Refusal('queue_full', 'too many', { retryAfterSeconds: 3, cause });
  expect(refusal).toMatchObject({
    code: 'queue_full',
    status: 503,
    title: 'The queue is full',
    message: 'too many',
    retryAfterSeconds: 3,
    cause,
  });
});

test('a fault has one line for each problem', () => {
  expect(new Fault('invalid_config', ['one', 'two'])).toMatchObject({
    code: 'invalid_config',
    problems: ['one', 'two'],
    message: 'one\ntwo',
  });
});
