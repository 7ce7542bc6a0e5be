import { expect, test } from 'vitest';
import { leavingSegments } from '../../src/records/retention.js';

const segments = [1, 2, 3, 4].map((segment) => ({ segment, bytes: 100, newestMs: segment * 1000 }));
const keep = { keepMs: 1500, keepBytes: 1000, nowMs: 4000 };

test('segments leave whose newest record is older than records are kept', () => {
  expect(leavingSegments(segments, keep)).toEqual([1, 2]);
});

test('the oldest leave until the others are no more than the bytes', () => {
  expect(leavingSegments(segments, { ...keep, keepMs: 1e9, keepBytes: 250 })).toEqual([1, 2]);
});

test('the newest stays, however old or large it is', () => {
  expect(leavingSegments(segments, { keepMs: 0, keepBytes: 0, nowMs: 1e12 })).toEqual([1, 2, 3]);
});

test('a clock that was set back keeps more', () => {
  expect(leavingSegments(segments, { ...keep, nowMs: 0 })).toEqual([]);
});

test('one that is old behind one that is not stays: what is left is one piece', () => {
  const newer = segments.map((one) => (one.segment === 1 ? { ...one, newestMs: 9000 } : one));
  expect(leavingSegments(newer, keep)).toEqual([]);
});
