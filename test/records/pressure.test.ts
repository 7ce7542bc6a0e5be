import { describe, expect, test } from 'vitest';
import { Pressure } from '../../src/records/pressure.js';

describe.each(['refuse', 'block', 'drop'] as const)('with %s', (policy) => {
  test('a record that finds room is taken, and nobody is refused', () => {
    const pressure = new Pressure(policy, 100);
    expect(pressure.offer(100, 0, false)).toBe('taken');
    expect([pressure.stall, pressure.refusal]).toEqual([undefined, undefined]);
  });
});

test('refuse: what was let in is taken still, and nobody else comes in until the disk has caught up', () => {
  const pressure = new Pressure('refuse', 100);
  pressure.offer(100, 0, false);
  expect(pressure.offer(10, 0, false)).toBe('taken');
  expect(pressure.refusal).toBe('110 bytes wait for the disk, expected at most 100');
  pressure.settled(50);
  expect(pressure.refusal).toBeUndefined();
});

test('refuse: nobody comes in while the disk refuses, however little waits', () => {
  const pressure = new Pressure('refuse', 100);
  pressure.failed('ENOSPC');
  expect(pressure.refusal).toBe('ENOSPC');
  pressure.recovered();
  expect(pressure.refusal).toBeUndefined();
});

test('block: answers wait, and nobody is refused before twice as much waits', () => {
  const pressure = new Pressure('block', 100);
  pressure.offer(100, 0, false);
  expect(pressure.offer(100, 0, false)).toBe('awaited');
  expect(pressure.refusal).toBeUndefined();
  expect(pressure.offer(1, 0, false)).toBe('awaited');
  expect(pressure.refusal).toContain('201 bytes wait');
});

test('drop: records are left out from the first that finds no room until the gap is told', () => {
  const pressure = new Pressure('drop', 100);
  pressure.offer(90, 1, false);
  expect(pressure.offer(20, 2, false)).toBe('dropped');
  expect(pressure.offer(1, 3, false)).toBe('dropped');
  expect(pressure.hasMissing).toBe(false);
  pressure.settled(90);
  expect(pressure.hasMissing).toBe(true);
  expect(pressure.takeMissing()).toEqual({ records: 2, fromMs: 2, toMs: 3 });
  expect(pressure.hasMissing).toBe(false);
  expect(pressure.offer(20, 4, false)).toBe('taken');
});

test('a refused die has no bound, so its record is left out where there is no room, and that is told', () => {
  for (const policy of ['refuse', 'block'] as const) {
    const pressure = new Pressure(policy, 100);
    pressure.offer(100, 1, false);
    expect(pressure.offer(1, 2, true)).toBe('dropped');
    expect(pressure.offer(1, 2, false)).not.toBe('dropped');
    pressure.settled(100);
    expect(pressure.takeMissing()).toEqual({ records: 1, fromMs: 2, toMs: 2 });
  }
});
