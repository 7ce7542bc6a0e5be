import { expect, test } from 'vitest';
import { createExportLog } from '../../../src/tracing/otlp/export-log.js';
import { FakeClock } from '../../support/fake-clock.js';

function bench() {
  const clock = new FakeClock();
  const lines: [string, object, string][] = [];
  const log = createExportLog(
    {
      warn: (fields, message) => lines.push(['warn', fields, message]),
      info: (fields, message) => lines.push(['info', fields, message]),
    },
    () => clock.nowMs(),
  );
  const fail = (spans: number) => {
    log.dropped('export_failed', spans);
    log.failed?.(new Error('connect ECONNREFUSED'));
  };
  return { clock, lines, log, fail };
}

test('a collector that is down for an hour is logged once a minute, with what was lost meanwhile', async () => {
  const { clock, lines, fail } = bench();
  for (let second = 0; second < 3600; second++) {
    fail(2);
    await clock.advance(1000);
  }
  expect(lines).toHaveLength(60);
  expect(lines[0]).toEqual([
    'warn',
    { reason: 'connect ECONNREFUSED', spans_lost: 2 },
    'traces could not be exported',
  ]);
  expect(lines[1]?.[1]).toMatchObject({ spans_lost: 120 });
});

test('its return is logged once, and nothing is said while all is well', () => {
  const { lines, log, fail } = bench();
  log.succeeded?.();
  expect(lines).toEqual([]);
  fail(1);
  fail(4);
  log.succeeded?.();
  log.succeeded?.();
  expect(lines.slice(1)).toEqual([['info', { spans_lost: 4 }, 'traces are exported again']]);
});

test('a collector that comes and goes adds no more than two lines a minute', async () => {
  const { clock, lines, log, fail } = bench();
  for (let second = 0; second < 600; second++) {
    if (second % 2 === 0) fail(1);
    else log.succeeded?.();
    await clock.advance(1000);
  }
  expect(lines.length).toBeLessThanOrEqual(20);
});

test('what a collector says is cut short', () => {
  const { lines, log } = bench();
  log.failed?.(new Error('x'.repeat(5000)));
  expect(JSON.stringify(lines[0]).length).toBeLessThan(400);
});
