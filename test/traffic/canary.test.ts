import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  abortCanary,
  advanceCanary,
  type CanaryMove,
  resumeCanary,
  startCanary,
} from '../../src/traffic/canary.js';
import { CanaryPlanSchema, type CanaryState, CanaryStateSchema } from '../../src/traffic/canary-plan.js';
import { VersionAccount } from '../../src/traffic/version-account.js';
import { type AccountCounts, accountOf, type Behaviour, observe, randomOf } from './support.js';

const MINUTE = 60_000;
const plan = CanaryPlanSchema.parse({ from: '1', to: '2', dwellMs: 10 * MINUTE, bounds: { minDies: 500 } });
const good: AccountCounts = { dies: 5000, fails: 250 };
const few: AccountCounts = { dies: 499, fails: 25 };
const none: AccountCounts = { dies: 0 };

function at(minutes: number): Date {
  return new Date(Date.UTC(2026, 0, 1) + minutes * MINUTE);
}

const begun = startCanary(plan, at(0)).state;

function seen(baseline: AccountCounts, candidate: AccountCounts) {
  return { baseline: accountOf('1', baseline), candidate: accountOf('2', candidate) };
}

/** A canary at a step that began at minute 0. */
function atStep(step: number): CanaryState {
  return { ...begun, step };
}

describe('a plan', () => {
  test('has the steps 10, 25, 50 and 100% by wafer, ten minutes each', () => {
    const found = CanaryPlanSchema.parse({ from: '1', to: '2' });
    expect(found).toMatchObject({ by: 'wafer_id', steps: [10, 25, 50, 100], dwellMs: 600_000 });
    expect(found.bounds).toMatchObject({ minDies: 1000, maxErrorRate: 0.01, maxLatencyRatio: 1.5 });
  });

  test.each([
    ['the same version twice', { to: '1' }],
    ['steps that fall', { steps: [25, 10, 100] }],
    ['a step twice', { steps: [10, 10, 100] }],
    ['a last step below 100', { steps: [10, 50] }],
    ['a step above 100', { steps: [10, 120] }],
    ['a step of 0', { steps: [0, 100] }],
    ['no step', { steps: [] }],
    ['an unknown bound', { bounds: { maxDisagreementRate: 0.1 } }],
  ])('is refused with %s', (_, change) => {
    expect(CanaryPlanSchema.safeParse({ from: '1', to: '2', ...change }).success).toBe(false);
  });
});

test('a canary begins at its first step, with an event', () => {
  const { state, event, weights } = startCanary(plan, at(0));
  expect(state).toMatchObject({ status: 'running', step: 0, startedAt: '2026-01-01T00:00:00.000Z' });
  expect(event).toEqual({ kind: 'started', from: '1', to: '2', percent: 10, reason: state.reason });
  expect(weights).toEqual({ 1: 90, 2: 10 });
});

test('a good version takes each step after its dwell time and completes', () => {
  const observation = seen(good, good);
  const events: string[] = [];
  let { state } = startCanary(plan, at(0));
  for (let minute = 1; minute <= 60; minute++) {
    const move = advanceCanary(state, observation, at(minute));
    if (move.event !== undefined) events.push(`${minute}: ${move.event.kind} ${move.event.percent}`);
    state = move.state;
  }
  expect(events).toEqual(['10: step 25', '20: step 50', '30: step 100', '40: completed 100']);
  expect(state).toMatchObject({ status: 'completed', stepSince: at(40).toISOString() });
});

describe('a step is not left', () => {
  test('before its dwell time', () => {
    const move = advanceCanary(begun, seen(good, good), at(9.99));
    expect(move).toEqual({ state: begun, event: undefined, weights: { 1: 90, 2: 10 } });
  });

  test('while the clock is before its beginning', () => {
    expect(advanceCanary(begun, seen(good, good), at(-60)).state).toBe(begun);
  });

  test('while either version has too few dies, however long that takes; told once', () => {
    for (const observation of [seen(good, few), seen(few, good), seen(none, none)]) {
      const first = advanceCanary(begun, observation, at(10));
      expect(first.event).toMatchObject({ kind: 'hold', percent: 10 });
      expect(first.event?.reason).toMatch(/rests on (499|0) dies, expected at least 500/);
      expect(advanceCanary(first.state, observation, at(100_000))).toMatchObject({
        state: first.state,
        event: undefined,
      });
    }
  });

  test('while an estimate is out of bounds by what may be chance; it goes on when that was chance', () => {
    const doubtful = advanceCanary(begun, seen(good, { dies: 500, fails: 35 }), at(10));
    expect(doubtful.event).toMatchObject({ kind: 'hold' });
    expect(doubtful.event?.reason).toMatch(/^The difference of the fail rates is 0\.02 /);
    expect(advanceCanary(doubtful.state, seen(good, good), at(11)).event?.kind).toBe('step');
  });
});

describe('rolls back', () => {
  test.each([
    ['more fails', { dies: 500, fails: 70 }, 'difference of the fail rates'],
    ['fewer fails', { dies: 500 }, 'difference of the fail rates'],
    ['errors', { dies: 480, fails: 24, errors: 20 }, 'error rate'],
    ['slower answers', { dies: 500, fails: 25, latencyMs: 5 }, 'ratio of the p99 latencies'],
  ])('at once on %s', (_, candidate, name) => {
    const move = advanceCanary(begun, seen(good, candidate), at(0.1));
    expect(move.event).toMatchObject({ kind: 'rolled_back', percent: 0 });
    expect(move.event?.reason).toContain(name);
    expect(move.weights).toEqual({ 1: 100, 2: 0 });
  });

  test('early, on 50 dies, only if chance is out of the question', () => {
    const early = (candidate: AccountCounts) =>
      advanceCanary(begun, seen(good, candidate), at(0.1)).event?.kind;
    expect(early({ dies: 0, errors: 50 })).toBe('rolled_back');
    expect(early({ dies: 0, errors: 49 })).toBeUndefined();
    expect(early({ dies: 60, fails: 30 })).toBe('rolled_back');
    expect(early({ dies: 60, fails: 6 })).toBeUndefined();
  });

  test('by hand, once', () => {
    const move = abortCanary(begun, 'an engineer said so', at(3));
    expect(move.event).toMatchObject({ kind: 'rolled_back', reason: 'an engineer said so' });
    expect(abortCanary(move.state, 'again', at(4))).toEqual({ ...move, event: undefined });
  });
});

describe('a step that is open for all its patience', () => {
  const open = seen(good, { dies: 500, fails: 35 });
  const holding = advanceCanary(begun, open, at(10)).state;
  const pausedMove = advanceCanary(holding, open, at(110));

  test('counts its patience from when it had enough dies', () => {
    const scarce = advanceCanary(begun, seen(good, few), at(10)).state;
    const enough = advanceCanary(scarce, open, at(300));
    expect(enough.event).toMatchObject({ kind: 'hold' });
    expect(advanceCanary(enough.state, open, at(399)).event).toBeUndefined();
    expect(advanceCanary(enough.state, open, at(400)).event?.kind).toBe('paused');
  });

  test('is paused and not rolled back: open is not failed', () => {
    expect(advanceCanary(holding, open, at(109)).state.status).toBe('running');
    expect(pausedMove.event).toMatchObject({ kind: 'paused', percent: 10 });
    expect(pausedMove.event?.reason).toMatch(
      /^The difference of the fail rates is 0\.02 .*does not yet settle/,
    );
    expect(pausedMove.weights).toEqual({ 1: 90, 2: 10 });
  });

  test('stays paused whatever good is seen, and is still rolled back on harm beyond chance', () => {
    expect(advanceCanary(pausedMove.state, seen(good, good), at(500)).event).toBeUndefined();
    const harm = advanceCanary(pausedMove.state, seen(good, { dies: 500, fails: 100 }), at(120));
    expect(harm.event?.kind).toBe('rolled_back');
  });

  test('goes to its next step when a person says so', () => {
    const move = resumeCanary(pausedMove.state, 'step', 'seen on the map', at(120));
    expect(move).toMatchObject({
      state: { status: 'running', step: 1, stepSince: at(120).toISOString(), holding: false },
      event: { kind: 'step', percent: 25, reason: 'seen on the map' },
    });
  });

  test('waits for more dies with all its patience again when a person says so, and keeps what it saw', () => {
    const { state, event } = resumeCanary(pausedMove.state, 'hold', 'more wafers tonight', at(120));
    expect(event).toMatchObject({ kind: 'resumed', percent: 10 });
    expect(state).toMatchObject({ status: 'running', step: 0, stepSince: begun.stepSince });
    expect(CanaryStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
    expect(advanceCanary(state, open, at(219)).state.status).toBe('running');
    expect(advanceCanary(state, open, at(220)).event?.kind).toBe('paused');
    expect(advanceCanary(state, seen(good, good), at(121)).event).toMatchObject({
      kind: 'step',
      percent: 25,
    });
  });

  test('holds on for ever where the plan says so', () => {
    const patient = { ...begun, plan: { ...plan, whenOpen: 'hold' as const } };
    const held = advanceCanary(patient, open, at(10)).state;
    const over = advanceCanary(held, open, at(110));
    expect(over).toMatchObject({ event: { kind: 'hold' }, state: { status: 'running', holding: true } });
    expect(CanaryStateSchema.parse(JSON.parse(JSON.stringify(over.state)))).toEqual(over.state);
    expect(advanceCanary(over.state, open, at(100_000)).event).toBeUndefined();
    expect(advanceCanary(over.state, seen(good, good), at(111)).state.patienceOver).toBeUndefined();
  });

  // Beyond its bound at a look's significance, and not at the 0.001 of an early one.
  const doubtful = seen(good, { dies: 1000, fails: 88 });

  test('a held step is looked at three times and not at every tick', () => {
    expect(advanceCanary(begun, doubtful, at(10)).event?.kind).toBe('rolled_back');
    const held = advanceCanary({ ...begun, plan: { ...plan, whenOpen: 'hold' } }, open, at(10)).state;
    expect(advanceCanary(held, doubtful, at(60)).event).toBeUndefined();
    expect(advanceCanary(held, doubtful, at(110)).event?.kind).toBe('rolled_back');
    const over = advanceCanary(held, open, at(110)).state;
    for (const minute of [111, 200, 1000])
      expect(advanceCanary(over, doubtful, at(minute)).event).toBeUndefined();
  });

  test('one that a person has waiting again is not looked at until its patience is over', () => {
    const { state } = resumeCanary(pausedMove.state, 'hold', 'more wafers tonight', at(120));
    expect(state.holding).toBe(true);
    expect(advanceCanary(state, doubtful, at(121)).event).toBeUndefined();
    expect(advanceCanary(state, doubtful, at(220)).event?.kind).toBe('rolled_back');
  });

  test('is the only one that can be resumed', () => {
    expect(resumeCanary(begun, 'step', 'why not', at(1)).event).toBeUndefined();
  });
});

test('a step asks for wafers, not only for dies: three of the candidate are too few', () => {
  const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
  for (let i = 0; i < 4000; i++) {
    baseline.recordDie(0.5, i % 20 === 0 ? 'fail' : 'pass', 2, `wafer ${i % 20}`, i * 1000);
    candidate.recordDie(0.5, i % 20 === 0 ? 'fail' : 'pass', 2, `wafer ${20 + (i % 3)}`, i * 1000);
  }
  const move = advanceCanary(begun, { baseline, candidate }, at(10));
  expect(move.event).toMatchObject({ kind: 'hold' });
  expect(move.event?.reason).toMatch(/rests on 3 of the keys .*expected at least 4\.$/);
});

describe('a step that lacks wafers', () => {
  const onThreeWafers = (failing: number) => {
    const [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
    for (let i = 0; i < 4000; i++) {
      baseline.recordDie(0.5, i % 20 === 0 ? 'fail' : 'pass', 2, `wafer ${i % 20}`, i * 1000);
      const fails = (i + Math.floor(i / 20)) % 20 < failing;
      candidate.recordDie(0.5, fails ? 'fail' : 'pass', 2, `wafer ${20 + (i % 3)}`, i * 1000);
    }
    return { baseline, candidate };
  };
  const holding = advanceCanary(begun, onThreeWafers(2), at(10)).state;

  test('pauses after its patience where the estimate is outside of its bound, though nothing is proven', () => {
    expect(advanceCanary(holding, onThreeWafers(2), at(109)).event).toBeUndefined();
    const { event } = advanceCanary(holding, onThreeWafers(2), at(110));
    expect(event).toMatchObject({ kind: 'paused', percent: 10 });
    expect(event?.reason).toMatch(/fail rates is 0\.05.* rests on 3 of the keys .*expected at least 4\.$/);
  });

  test('and, when a person has it wait, after its patience once more', () => {
    const { state } = advanceCanary(holding, onThreeWafers(2), at(110));
    const waiting = resumeCanary(state, 'hold', 'more wafers tonight', at(120)).state;
    expect(advanceCanary(waiting, onThreeWafers(2), at(219)).event).toBeUndefined();
    expect(advanceCanary(waiting, onThreeWafers(2), at(220)).event?.kind).toBe('paused');
  });

  test('waits for them, however long that takes, where the estimate is within, or the plan holds on', () => {
    expect(advanceCanary(holding, onThreeWafers(1), at(100_000)).event).toBeUndefined();
    const patient = { ...holding, plan: { ...plan, whenOpen: 'hold' as const } };
    expect(advanceCanary(patient, onThreeWafers(2), at(100_000)).event).toBeUndefined();
  });
});

test('the step to 100% is a verdict: estimates alone do not take it', () => {
  // Within the bound by its estimate, which is enough for 25%, and not by its interval.
  const near = seen(good, { dies: 1000, fails: 52 });
  expect(advanceCanary(atStep(0), near, at(10)).event).toMatchObject({ kind: 'step', percent: 25 });
  expect(advanceCanary(atStep(2), near, at(10)).event).toMatchObject({ kind: 'hold', percent: 50 });
  expect(advanceCanary(atStep(2), seen(good, good), at(10)).event).toMatchObject({
    kind: 'step',
    percent: 100,
  });
});

describe('at 100%, where no die goes to the old version', () => {
  test('errors still roll back', () => {
    const move = advanceCanary(atStep(3), seen(none, { dies: 900, errors: 100 }), at(1));
    expect(move.event?.kind).toBe('rolled_back');
  });

  test('a quiet dwell time with enough dies completes', () => {
    expect(advanceCanary(atStep(3), seen(none, { dies: 499 }), at(10)).event?.kind).toBe('hold');
    expect(advanceCanary(atStep(3), seen(none, { dies: 500 }), at(10)).event?.kind).toBe('completed');
  });
});

test('a restart goes on from what was stored: same step, same dwell time, dies counted anew', () => {
  const { state } = advanceCanary(begun, seen(good, good), at(10));
  const restored = CanaryStateSchema.parse(JSON.parse(JSON.stringify(state)));
  expect(restored).toEqual(state);
  expect(advanceCanary(restored, seen(none, none), at(19)).event).toBeUndefined();
  expect(advanceCanary(restored, seen(good, good), at(20)).event).toMatchObject({
    kind: 'step',
    percent: 50,
  });
});

test('a stored state that no canary can be in is refused', () => {
  expect(CanaryStateSchema.safeParse({ ...begun, step: 4 }).success).toBe(false);
  expect(CanaryStateSchema.safeParse({ ...begun, stepSince: 'yesterday' }).success).toBe(false);
});

const chance = (max: number) => fc.double({ min: 0, max, noNaN: true });
const moment = fc.record({
  waitMinutes: fc.integer({ min: 0, max: 15 }),
  dies: fc.integer({ min: 0, max: 400 }),
  failRate: fc.oneof(fc.constant(0.05), chance(0.2)),
  errorRate: fc.oneof(fc.constant(0), chance(0.05)),
  latencyMs: fc.constantFrom<number>(2, 2, 2, 2.5, 5),
  restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
type Moment = typeof moment extends fc.Arbitrary<infer T> ? T : never;

/** Drives a canary as a server does: new accounts after each event but hold, and after a restart. */
function drive(
  moments: Iterable<Moment>,
  name = 'canary walks',
  until = (_: CanaryMove) => false,
): CanaryMove[] {
  const random = randomOf(name);
  const moves = [startCanary(plan, at(0))];
  let [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
  let minutes = 0;
  for (const { waitMinutes, dies, restart, ...behaviour } of moments) {
    const last = moves.at(-1) ?? expect.fail('expected a move');
    if (until(last)) break;
    minutes += waitMinutes;
    observe(baseline, dies, { failRate: 0.05 }, random);
    observe(candidate, dies, behaviour, random);
    const move = advanceCanary(last.state, { baseline, candidate }, at(minutes));
    moves.push(
      restart ? { ...move, state: CanaryStateSchema.parse(JSON.parse(JSON.stringify(move.state))) } : move,
    );
    if (restart || (move.event !== undefined && move.event.kind !== 'hold')) {
      [baseline, candidate] = [new VersionAccount('1'), new VersionAccount('2')];
    }
  }
  return moves;
}

test('whatever happens: no step is skipped or cut short, nothing rises after the end, weights sum to 100', () => {
  fc.assert(
    fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
      const moves = drive(moments);
      moves.forEach(({ state, weights, event }, i) => {
        expect((weights[1] ?? 0) + (weights[2] ?? 0)).toBe(100);
        expect(CanaryStateSchema.parse(state)).toEqual(state);
        const before = moves[i - 1];
        if (before === undefined) return;
        if (before.state.status !== 'running') {
          expect({ state, event, weights }).toEqual({ ...before, event: undefined });
        }
        const taken = state.step - before.state.step;
        expect(taken === 0 || taken === 1).toBe(true);
        expect(event?.kind === 'step').toBe(taken === 1);
        if (taken === 1 || (event?.kind === 'completed' && before.state.status === 'running')) {
          const dwelt = Date.parse(state.stepSince) - Date.parse(before.state.stepSince);
          expect(dwelt).toBeGreaterThanOrEqual(plan.dwellMs);
        }
        expect(state.status === before.state.status && taken === 0).toBe(
          event === undefined || event.kind === 'hold',
        );
      });
    }),
    { numRuns: 60 },
  );
});

/** The same behaviour for ever. */
function* forever(behaviour: Behaviour): Generator<Moment> {
  for (;;) yield { waitMinutes: 1, dies: 100, restart: false, errorRate: 0, latencyMs: 2, ...behaviour };
}

function endOf(behaviour: Behaviour, name = 'canary ends'): CanaryState {
  const moves = drive(forever(behaviour), name, ({ state }) => state.status !== 'running');
  return moves.at(-1)?.state ?? expect.fail('expected a move');
}

test('as long as dies arrive a canary ends, completed or rolled back, or is paused for a person', () => {
  fc.assert(
    fc.property(
      chance(0.12),
      chance(0.03),
      fc.constantFrom(2, 2.9, 3, 3.1, 4),
      (failRate, errorRate, latencyMs) => {
        const { status, step } = endOf({ failRate, errorRate, latencyMs });
        expect(['completed', 'rolled_back', 'paused']).toContain(status);
        if (status === 'completed') expect(step).toBe(plan.steps.length - 1);
      },
    ),
    { numRuns: 25 },
  );
});

test('of 20 equal versions none is rolled back; of 20 that fail 3% more none completes', () => {
  const ends = (failRate: number) =>
    Array.from({ length: 20 }, (_, i) => endOf({ failRate }, `canary ${failRate} ${i}`).status);
  expect(ends(0.05)).not.toContain('rolled_back');
  expect(ends(0.08)).toEqual(Array(20).fill('rolled_back'));
});
