import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DriftState, failRateObserved } from '../../src/drift/drift-state.js';
import { EquipmentGroups, MAX_EQUIPMENT, UNNAMED } from '../../src/drift/equipment-groups.js';
import { Sampler } from '../../src/drift/sampler.js';
import { createRandom } from '../../src/training/random.js';

const observe = (equipmentId: string | undefined, psi: number, judged = true) => [
  { about: 'parameters' as const, equipmentId, judged, indexes: Float64Array.of(0, psi) },
];

test('drift starts over 0.25 for two steps, and ends under 0.1 for two', () => {
  const state = new DriftState();
  const seen = [0.3, 0.2, 0.3, 0.26, 0.2, 0.09, 0.15, 0.09, 0.05, 0.09].map((psi) =>
    state.step(observe('T03', psi)).map(({ event, reason }) => `${event} ${reason}`),
  );
  expect(seen).toEqual([[], [], [], ['started drifted'], [], [], [], [], ['ended recovered'], []]);
});

test('what cannot be judged stays as it is', () => {
  const state = new DriftState();
  state.step(observe(undefined, 1));
  expect(state.step(observe(undefined, 1, false))).toEqual([]);
  expect(state.step(observe(undefined, 1))).toHaveLength(1);
  for (let i = 0; i < 5; i++) expect(state.step(observe(undefined, 0, false))).toEqual([]);
  expect(state.active).toMatchObject([{ about: 'parameters', equipmentId: undefined }]);
});

test('an equipment that sends no dies for a whole window has ended its drift', () => {
  const state = new DriftState();
  state.step(observe('T03', 1));
  state.step(observe('T03', 1));
  expect(state.step(observe('T01', 0))).toMatchObject([
    { event: 'ended', equipmentId: 'T03', reason: 'gone' },
  ]);
  expect(state.active).toEqual([]);
});

test('a fail rate starts to differ and ends beside the parameters of the same equipment', () => {
  const state = new DriftState();
  const seen = [true, true, true, false, false].map((differs) => {
    const verdict = differs ? ('fails more' as const) : ('like others' as const);
    const both = [...observe('T03', 1), failRateObserved({ verdict, difference: undefined }, 'T03')];
    return state.step(both).map(({ event, about }) => `${about} ${event}`);
  });
  expect(seen).toEqual([[], ['parameters started', 'fail_rate started'], [], [], ['fail_rate ended']]);
});

test('whatever happens, starts and ends take turns for each subject', () => {
  const steps = fc.array(
    fc.record({ psi: fc.double({ min: 0, max: 1, noNaN: true }), judged: fc.boolean() }),
  );
  fc.assert(
    fc.property(steps, (seen) => {
      const state = new DriftState();
      const events = seen.flatMap(({ psi, judged }) => state.step(observe('T01', psi, judged)));
      for (const [i, { event }] of events.entries()) expect(event).toBe(i % 2 === 0 ? 'started' : 'ended');
      expect(state.active).toHaveLength(events.length % 2);
    }),
  );
});

test('equipment beyond the bound shares one group, and a number is free after a window without dies', () => {
  const groups = new EquipmentGroups(512);
  const numbers = Array.from({ length: MAX_EQUIPMENT }, (_, i) => groups.groupOf(`T${i}`));
  expect(new Set(numbers).size).toBe(MAX_EQUIPMENT);
  for (let i = 0; i < 10_000; i++) expect(groups.groupOf(`made up ${i}`)).toBe(groups.others);
  expect(groups.groupOf(undefined)).toBe(UNNAMED);
  expect(groups.groupOf(null)).toBe(UNNAMED);
  expect(groups.groupOf('T5')).toBe(numbers[5]);
  groups.keep(new Set(numbers.slice(1)));
  expect(groups.idOf(numbers[0] ?? -1)).toBeUndefined();
  expect(groups.groupOf('new')).toBe(numbers[0]);
});

test('a very wide model tells fewer equipment apart, but at least one', () => {
  expect(new EquipmentGroups(65_536).groups).toBe(4);
  expect(new EquipmentGroups(1_000_000).groups).toBe(3);
});

test('a quiet stream is counted whole', () => {
  const sampler = new Sampler(100, () => 0.99);
  let taken = 0;
  for (let die = 0; die < 1000; die++) {
    sampler.at(die * 120);
    if (sampler.take()) taken++;
  }
  expect(taken).toBe(1000);
});

test('of a busy stream about the share wanted is taken, evenly, and never in step with the reticle', () => {
  const random = createRandom('sampler');
  const sampler = new Sampler(100, random.uniform);
  const bySite = new Array<number>(6).fill(0);
  const bySecond: number[] = [];
  for (let second = 0; second < 60; second++) {
    let taken = 0;
    for (let die = 0; die < 6000; die++) {
      sampler.at(second * 10_000 + die);
      if (!sampler.take()) continue;
      taken++;
      if (second > 1) bySite[die % 6] = (bySite[die % 6] ?? 0) + 1;
    }
    bySecond.push(taken);
  }
  for (const taken of bySecond.slice(1)) expect(taken).toBeGreaterThan(50);
  for (const taken of bySecond.slice(1)) expect(taken).toBeLessThan(201);
  const all = bySite.reduce((a, b) => a + b, 0);
  for (const site of bySite) expect(Math.abs(site / all - 1 / 6)).toBeLessThan(0.03);
});

test('a burst out of the blue is thinned within its second', () => {
  const sampler = new Sampler(100, () => 0.5);
  sampler.at(0);
  let taken = 0;
  for (let die = 0; die < 100_000; die++) if (sampler.take()) taken++;
  expect(taken).toBeLessThan(1200);
});
