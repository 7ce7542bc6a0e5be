import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../src/serving/batching/queue.js';

const operations = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('push' as const), value: fc.nat(99) }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('shift' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('retain' as const), divisor: fc.integer({ min: 1, max: 4 }) }),
    },
  ),
  { maxLength: 600, size: 'max' },
);

describe('the first-in-first-out list of a lane', () => {
  it('behaves as an array does, through every compaction', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        const shown: [number, number | undefined][] = [];
        const expected: [number, number | undefined][] = [];
        for (const step of steps) {
          if (step.op === 'push') {
            fifo.push(step.value);
            model.push(step.value);
          } else if (step.op === 'shift') {
            fifo.shift();
            model.shift();
          } else {
            fifo.retain((value) => value % step.divisor === 0);
            model = model.filter((value) => value % step.divisor === 0);
          }
          shown.push([fifo.length, fifo.peek()]);
          expected.push([model.length, model[0]]);
        }
        expect(shown).toEqual(expected);
        const visited: number[] = [];
        fifo.forEach((value) => {
          visited.push(value);
        });
        expect(visited).toEqual(model);
      }),
    );
  });

  it('has nothing to show and nothing to remove when it is empty', () => {
    const fifo = new Fifo<number>();
    fifo.shift();
    expect(fifo.peek()).toBeUndefined();
    expect(fifo.length).toBe(0);
  });
});
