import { describe, expect, it } from 'vitest';
import { nextStep, type Progress, type Standing } from '../../../src/serving/workers/crew-step.js';

const standing = (changes: Partial<Standing>): Standing => ({
  places: ['served'],
  reserve: [],
  due: 0,
  standBys: 0,
  isLoading: false,
  ...changes,
});
const place = (at: number, reserve: number) => ({ kind: 'place', place: at, reserve });
const start = { kind: 'start' };
const end = (reserve: number) => ({ kind: 'end', reserve });

describe('what is done next', () => {
  it.each<[string, Partial<Standing>, unknown]>([
    ['nothing while everybody is where he is to be', {}, undefined],
    ['one stands by where that is wanted', { standBys: 1 }, start],
    ['but not another one while one is coming', { standBys: 1, reserve: ['coming'] }, undefined],
    ['nor while one is to be started later', { standBys: 1, due: 1 }, undefined],
    ['whoever is warm takes an empty place', { places: ['empty'], reserve: ['coming', 'warm'] }, place(0, 1)],
    [
      'and whoever has all that is served, during a load',
      { places: ['empty'], reserve: ['able'] },
      place(0, 0),
    ],
    [
      'an empty place waits for one that is coming rather than have two made at once',
      { places: ['empty'], reserve: ['coming'], standBys: 1 },
      undefined,
    ],
    [
      'but not for one that opens a new version: that may take long',
      { places: ['empty'], reserve: ['opening'], standBys: 1 },
      start,
    ],
    ['one for each empty place', { places: ['empty', 'served', 'empty'], reserve: ['coming'] }, start],
    ['a load has one started beside', { isLoading: true }, start],
    ['or uses the one that stands by', { isLoading: true, standBys: 1, reserve: ['warm'] }, undefined],
    ['and no second one while that opens', { isLoading: true, standBys: 1, reserve: ['opening'] }, undefined],
    [
      'a place that is behind is taken by one that has all',
      { places: ['behind'], reserve: ['warm'] },
      place(0, 0),
    ],
    ['by nobody who lacks what it lacks', { places: ['behind'], reserve: ['able'] }, undefined],
    ['an empty place comes first', { places: ['behind', 'empty'], reserve: ['warm'] }, place(1, 0)],
    ['whoever is needed no longer is let go', { reserve: ['able'] }, end(0)],
    ['the one that has least', { standBys: 1, reserve: ['warm', 'able', 'warm'] }, end(1)],
    ['never one that is opening', { reserve: ['opening'] }, undefined],
  ])('%s', (_, changes, expected) => {
    expect(nextStep(standing(changes))).toEqual(expected);
  });

  it('comes to an end, whoever is where', () => {
    const all: readonly Progress[] = ['coming', 'able', 'opening', 'warm'];
    for (const places of [['empty'], ['behind', 'empty'], ['behind', 'behind', 'served']] as const)
      for (const a of all)
        for (const b of all)
          for (const standBys of [0, 1, 2])
            expect(steps(standing({ places, reserve: [a, b], standBys }))).toBeLessThan(8);
  });
});

/** Steps until there is none, when a process that has lost its place lacks what it lacked. */
function steps(from: Standing): number {
  let now = from;
  for (let count = 0; ; count++) {
    const step = nextStep(now);
    if (step === undefined || count > 20) return count;
    const reserve = [...now.reserve];
    const places = [...now.places];
    if (step.kind === 'start') reserve.push('coming');
    else {
      const at = step.reserve;
      reserve.splice(at, 1);
      if (step.kind === 'place') {
        if (places[step.place] === 'behind') reserve.push('able');
        places[step.place] = now.reserve[at] === 'warm' ? 'served' : 'behind';
      }
    }
    now = { ...now, reserve, places };
  }
}
