import { expect, test } from 'vitest';
import { FLUSH_AFTER_MS, LineBuffer } from '../../src/monitoring/line-buffer.js';

function createBuffer() {
  const written: string[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const buffer = new LineBuffer(
    (lines) => written.push(lines),
    (ms, run) => timers.push({ ms, run }),
  );
  return { buffer, written, timers };
}

test('lines wait for company, and no longer than FLUSH_AFTER_MS', () => {
  const { buffer, written, timers } = createBuffer();
  buffer.add('one\n');
  buffer.add('two\n');
  expect(written).toEqual([]);
  expect(timers.map(({ ms }) => ms)).toEqual([FLUSH_AFTER_MS]);
  timers[0]?.run();
  expect(written).toEqual(['one\ntwo\n']);
});

test('after a flush the next line starts a new wait', () => {
  const { buffer, written, timers } = createBuffer();
  buffer.add('one\n');
  timers[0]?.run();
  buffer.add('two\n');
  expect(timers).toHaveLength(2);
  timers[1]?.run();
  expect(written).toEqual(['one\n', 'two\n']);
});

test('many lines are written at once, in their order, none lost and none twice', () => {
  const { buffer, written } = createBuffer();
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`);
  for (const line of lines) buffer.add(line);
  expect(written.length).toBeGreaterThan(1);
  buffer.flush();
  buffer.flush();
  expect(written.join('')).toBe(lines.join(''));
});

test('a timer that finds nothing to write writes nothing', () => {
  const { buffer, written, timers } = createBuffer();
  buffer.add('one\n');
  buffer.flush();
  timers[0]?.run();
  expect(written).toEqual(['one\n']);
});
