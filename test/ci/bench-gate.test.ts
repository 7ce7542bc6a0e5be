import { describe, expect, it } from 'vitest';
import { gated, keepsBound } from '../../bench/scenarios/scenario.js';

describe('the smoke gate of the benchmarks', () => {
  it('holds ratios to half of what is promised, either way', () => {
    const peer = { name: 'diegate / naive', unit: '×', atLeast: 2.5 };
    expect(keepsBound(gated({ ...peer, value: 1.25 }, 'smoke'))).toBe(true);
    expect(keepsBound(gated({ ...peer, value: 1.24 }, 'smoke'))).toBe(false);
    const memory = { name: 'memory', unit: '×', atMost: 1.1 };
    expect(keepsBound(gated({ ...memory, value: 2.2 }, 'smoke'))).toBe(true);
    expect(keepsBound(gated({ ...memory, value: 2.3 }, 'smoke'))).toBe(false);
  });

  it('asks no milliseconds of a machine that others use, but never loses a die', () => {
    expect(keepsBound(gated({ name: 'p99', unit: 'ms', value: 500, atMost: 10 }, 'smoke'))).toBe(true);
    expect(keepsBound(gated({ name: 'never answered', unit: 'dies', value: 1, atMost: 0 }, 'smoke'))).toBe(
      false,
    );
  });

  it('leaves every bound as it is where the machine is quiet', () => {
    const figure = { name: 'p99', unit: 'ms', value: 11, atMost: 10 };
    expect(gated(figure, 'full')).toBe(figure);
    expect(keepsBound(gated(figure, 'full'))).toBe(false);
  });
});
