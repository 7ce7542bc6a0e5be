import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Circuit, CircuitSettingsSchema, type CircuitState } from '../../src/traffic/circuit.js';

const settings = CircuitSettingsSchema.parse({ faults: 3, pauseMs: 100, maxPauseMs: 400 });

function circuitOf(changes: string[] = []): Circuit {
  return new Circuit(settings, (state, reason) => changes.push(`${state}: ${reason}`));
}

/** Admits a call and lets it fail. */
function fault(circuit: Circuit, nowMs: number): void {
  circuit.failed(circuit.admit(nowMs) ?? expect.fail('expected a ticket'), nowMs);
}

function opened(atMs = 0, changes: string[] = []): Circuit {
  const circuit = circuitOf(changes);
  for (let i = 0; i < 3; i++) fault(circuit, atMs);
  return circuit;
}

describe('closed', () => {
  test('every call is admitted', () => {
    const circuit = circuitOf();
    for (let i = 0; i < 100; i++) expect(circuit.admit(i)).toBeDefined();
  });

  test('opens after three faults in a row', () => {
    const changes: string[] = [];
    const circuit = opened(5, changes);
    expect(circuit.state).toBe('open');
    expect(circuit.resumesAtMs).toBe(105);
    expect(changes).toEqual(['open: 3 faults in a row; the next probe may go in 100 ms']);
  });

  test('one success begins the count anew', () => {
    const circuit = circuitOf();
    for (let i = 0; i < 20; i++) {
      fault(circuit, 0);
      fault(circuit, 0);
      circuit.succeeded(circuit.admit(0) ?? 0);
    }
    expect(circuit.state).toBe('closed');
  });
});

describe('open', () => {
  test('admits nothing until the pause is over', () => {
    const circuit = opened();
    expect(circuit.admit(99)).toBeUndefined();
    expect(circuit.state).toBe('open');
    expect(circuit.admit(100)).toBeDefined();
    expect(circuit.state).toBe('half_open');
  });

  test('outcomes of calls from before say nothing', () => {
    const circuit = circuitOf();
    const [early, late] = [circuit.admit(0) ?? 0, circuit.admit(0) ?? 0];
    for (let i = 0; i < 3; i++) fault(circuit, 0);
    circuit.succeeded(early);
    circuit.failed(late, 50);
    expect(circuit.state).toBe('open');
    expect(circuit.resumesAtMs).toBe(100);
  });
});

describe('half open', () => {
  test('one call is a probe, and the others go on waiting', () => {
    const circuit = opened();
    expect(circuit.admit(100)).toBeDefined();
    expect(circuit.admit(100)).toBeUndefined();
    expect(circuit.admit(199)).toBeUndefined();
  });

  test('a good probe closes it, and the pause is the first one again', () => {
    const changes: string[] = [];
    const circuit = opened(0, changes);
    fault(circuit, 100);
    circuit.succeeded(circuit.admit(300) ?? 0);
    expect(circuit.state).toBe('closed');
    for (let i = 0; i < 3; i++) fault(circuit, 301);
    expect(circuit.resumesAtMs).toBe(401);
    expect(changes.at(-2)).toBe('closed: the probe succeeded');
  });

  test('a bad probe opens it again, each time for twice as long up to the longest pause', () => {
    const circuit = opened();
    const pauses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const at = circuit.resumesAtMs;
      fault(circuit, at);
      pauses.push(circuit.resumesAtMs - at);
    }
    expect(pauses).toEqual([200, 400, 400, 400]);
  });

  test('a probe that is never settled makes way for another, and its late outcome says nothing', () => {
    const circuit = opened();
    const lost = circuit.admit(100) ?? 0;
    const next = circuit.admit(200) ?? 0;
    expect(next).toBeGreaterThan(0);
    circuit.failed(lost, 201);
    circuit.succeeded(lost);
    expect(circuit.state).toBe('half_open');
    circuit.succeeded(next);
    expect(circuit.state).toBe('closed');
  });
});

const step = fc.record({
  waitMs: fc.integer({ min: 0, max: 300 }),
  do: fc.constantFrom('admit' as const, 'succeed' as const, 'fail' as const, 'fail' as const),
  which: fc.nat(5),
});

test('whatever happens: only known changes, one probe a pause, bounded pauses, and no state without a way out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const seen: CircuitState[] = ['closed'];
      const circuit = new Circuit(settings, (state) => seen.push(state));
      const pending: number[] = [];
      let nowMs = 0;
      let lastProbeMs = Number.NEGATIVE_INFINITY;
      for (const { waitMs, do: what, which } of steps) {
        nowMs += waitMs;
        const ticket = pending[which % Math.max(1, pending.length)] ?? 0;
        if (what === 'succeed') circuit.succeeded(ticket);
        else if (what === 'fail') circuit.failed(ticket, nowMs);
        else {
          const wasClosed = circuit.state === 'closed';
          const admitted = circuit.admit(nowMs);
          expect(admitted !== undefined || nowMs < circuit.resumesAtMs).toBe(true);
          if (admitted !== undefined) pending.push(admitted);
          if (admitted !== undefined && !wasClosed) {
            expect(nowMs - lastProbeMs).toBeGreaterThanOrEqual(settings.pauseMs);
            lastProbeMs = nowMs;
          }
        }
        if (circuit.state !== 'closed') {
          expect(circuit.resumesAtMs - nowMs).toBeLessThanOrEqual(settings.maxPauseMs);
        }
      }
      const changes = seen.slice(1).map((state, i) => `${seen[i]} -> ${state}`);
      const known = ['closed -> open', 'open -> half_open', 'half_open -> closed', 'half_open -> open'];
      for (const change of changes) expect(known).toContain(change);
      // A version that works again gets its calls back with one probe.
      if (circuit.state !== 'closed') {
        circuit.succeeded(circuit.admit(nowMs + settings.maxPauseMs) ?? expect.fail('expected a probe'));
      }
      expect(circuit.state).toBe('closed');
    }),
  );
});

test('settings: the first pause is no longer than the longest', () => {
  expect(CircuitSettingsSchema.parse({})).toEqual({ faults: 5, pauseMs: 1000, maxPauseMs: 60_000 });
  expect(CircuitSettingsSchema.safeParse({ pauseMs: 2000, maxPauseMs: 1000 }).success).toBe(false);
});
