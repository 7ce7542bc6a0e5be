import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DriftCounts } from '../../src/drift/counts.js';
import { DriftWindow } from '../../src/drift/window.js';

/** Counts of one die of two parameters: the first value is far out, which must leave nothing behind. */
function die(bin: number, sum: number): DriftCounts {
  const counts = new DriftCounts(2);
  counts.dies = 1;
  counts.sampled = 1;
  counts.cells[bin] = 1;
  counts.sums[0] = sum;
  counts.waferDies[bin] = 1;
  return counts;
}

test('whatever comes and goes, a window is the sum of its steps, to the last bit', () => {
  const events = fc.array(
    fc.oneof(
      fc.constant('step' as const),
      fc.record({ group: fc.nat(3), bin: fc.nat(10), sum: fc.constantFrom(1e30, 0.1, -3, 1e-9) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 4 }), (seen, size) => {
      const window = new DriftWindow(2, size);
      const steps: Map<number, DriftCounts>[] = [new Map()];
      for (const event of seen) {
        if (event === 'step') {
          window.nextStep();
          steps.push(new Map());
          if (steps.length > size) steps.shift();
          continue;
        }
        window.add([{ group: event.group, counts: die(event.bin, event.sum) }]);
        const current = steps.at(-1);
        const sum = current?.get(event.group) ?? new DriftCounts(2);
        sum.add(die(event.bin, event.sum));
        current?.set(event.group, sum);
      }
      const groups = [...new Set(steps.flatMap((step) => [...step.keys()]))].sort();
      expect(window.groups()).toEqual(groups);
      for (const group of groups) {
        const { total, steps: bySteps } = window.of(group);
        const sum = new DriftCounts(2);
        for (const step of steps) sum.add(step.get(group) ?? new DriftCounts(2));
        expect(total).toEqual(sum);
        expect(bySteps.map(({ dies }) => dies)).toEqual(steps.map((step) => step.get(group)?.dies ?? 0));
      }
      const all = window.all().total;
      expect(all.dies).toBe(steps.flatMap((step) => [...step.values()]).reduce((n, { dies }) => n + dies, 0));
    }),
  );
});
