import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { startCanary } from '../../src/traffic/canary.js';
import { CanaryPlanSchema } from '../../src/traffic/canary-plan.js';
import { TrafficSchema, trafficProblems } from '../../src/traffic/traffic.js';

const known = ['1', '2', '3'];

function problemsOf(traffic: z.input<typeof TrafficSchema>, fallback = '1', versions = known): string[] {
  return trafficProblems('m', { default: fallback, ...TrafficSchema.parse(traffic) }, versions);
}

const { state: running } = startCanary(CanaryPlanSchema.parse({ from: '1', to: '2' }), new Date(0));

test('a canary beside two shadows, a split, and a default alone are no problem', () => {
  expect(problemsOf({})).toEqual([]);
  expect(problemsOf({ split: { weights: { 1: 90, 2: 10 } }, shadow: ['3'] })).toEqual([]);
  expect(problemsOf({ canary: running, shadow: ['3'] })).toEqual([]);
});

test('a version of weight 0 takes no traffic, so it may be a shadow', () => {
  expect(problemsOf({ split: { weights: { 1: 100, 2: 0 } }, shadow: ['2'] })).toEqual([]);
});

describe('one line for each problem', () => {
  test('a version that the repository does not hold, wherever it is named', () => {
    const split = { weights: { 1: 50, 8: 50 } };
    expect(problemsOf({ split, shadow: ['9'] }, '7')).toEqual([
      'models.m.default is "7", the repository holds versions 1, 2, 3',
      'models.m.split.weights.8 is "8", the repository holds versions 1, 2, 3',
      'models.m.shadow.0 is "9", the repository holds versions 1, 2, 3',
    ]);
    expect(problemsOf({}, '1', [])).toEqual(['models.m.default is "1", the repository holds no version']);
  });

  test('a shadow of itself: of the default, of a split, of a canary', () => {
    const line = (version: string, i = 0) =>
      `models.m.shadow.${i} is "${version}", which takes traffic itself: expected a version that takes none`;
    expect(problemsOf({ shadow: ['1'] })).toEqual([line('1')]);
    expect(problemsOf({ split: { weights: { 2: 100 } }, shadow: ['3', '2'] })).toEqual([line('2', 1)]);
    expect(problemsOf({ canary: running, shadow: ['2'] })).toEqual([line('2')]);
  });

  test('a split and a canary, which both set the weights', () => {
    expect(problemsOf({ split: { weights: { 1: 100 } }, canary: running })).toEqual([
      'models.m.split and models.m.canary both set the weights: expected no split while a canary runs, found both',
    ]);
  });

  test('a canary of unknown versions, unless it has ended', () => {
    const ended = { ...running, status: 'rolled_back' as const };
    expect(problemsOf({ canary: running }, '1', ['1'])).toEqual([
      'models.m.canary.plan.to is "2", the repository holds versions 1',
    ]);
    expect(problemsOf({ canary: ended }, '1', ['1'])).toEqual([]);
  });
});

describe('refused by the schema', () => {
  test.each([
    ['five shadows', ['1', '2', '3', '4', '5']],
    ['one shadow twice', ['2', '2']],
    ['a version as a number', [2]],
  ])('%s', (_, shadow) => {
    expect(TrafficSchema.safeParse({ shadow }).success).toBe(false);
  });
});
