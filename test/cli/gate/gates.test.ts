import { describe, expect, it } from 'vitest';
import type { Gate, GateLimits } from '../../../src/cli/gate/bounds.js';
import { compareCosts, compareDecisions, type JudgedDies } from '../../../src/cli/gate/changes.js';
import type { GateComparison } from '../../../src/cli/gate/comparison.js';
import { costFigures } from '../../../src/cli/gate/costs.js';
import { decisionAgreement, figuresOf, type GateDecision } from '../../../src/cli/gate/figures.js';
import { gatesOf, verdictOn } from '../../../src/cli/gate/gates.js';
import { compareGroups } from '../../../src/cli/gate/groups.js';

const LIMITS: GateLimits = {
  maxAccuracyDrop: 1,
  minAccuracy: 80,
  maxDetectionDrop: 5,
  minDetection: 10,
  maxFalseAlarmRise: 2,
  maxFalseAlarms: 10,
  maxGroupAccuracyDrop: 1,
  maxGroupDetectionDrop: 5,
  maxCostRise: 10,
  maxP99Ms: 20,
  minSamples: 1000,
  significance: 0.05,
};

interface DieKind {
  readonly before: GateDecision;
  readonly after: GateDecision;
  readonly good: boolean;
  readonly group?: string;
}

const GOOD: DieKind = { before: 'pass', after: 'pass', good: true };
const CAUGHT: DieKind = { before: 'fail', after: 'fail', good: false };
const LOST: DieKind = { ...CAUGHT, after: 'pass' };
const WON: DieKind = { ...CAUGHT, before: 'pass' };
const NEW_ALARM: DieKind = { ...GOOD, after: 'fail' };
const ALARM: DieKind = { ...NEW_ALARM, before: 'fail' };

/** Wafers of dies: each so many of each kind. */
type Wafer = readonly (readonly [dies: number, kind: DieKind])[];

const times = (count: number, wafer: Wafer): Wafer[] => Array<Wafer>(count).fill(wafer);

function judgedOf(wafers: readonly Wafer[], named = true): JudgedDies & { groups: string[] } {
  const dies = wafers.flatMap((wafer, w) =>
    wafer.flatMap(([count, kind]) => Array<DieKind & { w: number }>(count).fill({ ...kind, w })),
  );
  return {
    before: dies.map(({ before }) => before),
    after: dies.map(({ after }) => after),
    passing: Uint8Array.from(dies, ({ good }) => (good ? 1 : 0)),
    wafers: named ? dies.map(({ w }) => `W${w}`) : undefined,
    groups: dies.map(({ group = '' }) => group),
  };
}

function comparisonOf(
  wafers: readonly Wafer[],
  { named = true, p99 = 1, costs = false, by = false } = {},
): GateComparison {
  const judged = judgedOf(wafers, named);
  const { before, after, passing, groups } = judged;
  const prices = { escape: 40, overkill: 2 };
  const version = (model: string, decisions: readonly GateDecision[]) => ({
    model,
    ...figuresOf(decisions, passing),
    latencyMs: { p50: p99 / 2, p90: p99, p99, max: p99 },
    cost: costs
      ? costFigures(
          decisions.map((decision, die) => ({
            score: 1,
            fails: decision && decision === 'fail',
            isGood: passing[die] === 1,
          })),
          prices,
        )
      : undefined,
  });
  return {
    dies: passing.length,
    failingDies: passing.length - passing.reduce((sum, good) => sum + good, 0),
    clustering: named ? { by: 'wafer', clusters: wafers.length } : { by: 'die', clusters: passing.length },
    agreement: decisionAgreement(before, after),
    baseline: version('x/1', before),
    candidate: version('x/2', after),
    changes: compareDecisions(judged),
    costRise: costs ? compareCosts(judged, prices) : undefined,
    groups: by ? compareGroups('equipment_id', groups, judged) : [],
  };
}

function verdictsOf(
  comparison: GateComparison,
  limits: Partial<GateLimits> = {},
): Record<string, Gate['verdict']> {
  const gates = gatesOf(comparison, { ...LIMITS, ...limits });
  return Object.fromEntries(gates.map(({ gate, verdict }) => [gate, verdict]));
}

function gateOf(name: Gate['gate'], comparison: GateComparison, limits: Partial<GateLimits> = {}): Gate {
  const found = gatesOf(comparison, { ...LIMITS, ...limits }).find(({ gate }) => gate === name);
  return found ?? expect.fail(`no gate ${name}`);
}

describe('the gates', () => {
  it('hold for a candidate that decides every die as the version before it, on enough dies', () => {
    const same = comparisonOf(
      times(25, [
        [380, GOOD],
        [20, CAUGHT],
      ]),
    );
    expect(new Set(Object.values(verdictsOf(same)))).toEqual(new Set(['holds']));
    expect(verdictOn(gatesOf(same, LIMITS))).toBe('holds');
  });

  it('are open on few dies, and say about how many would settle them', () => {
    const few = comparisonOf(
      times(5, [
        [190, GOOD],
        [10, CAUGHT],
      ]),
    );
    const { accuracy, detection } = verdictsOf(few);
    expect({ accuracy, detection }).toEqual({ accuracy: 'open', detection: 'open' });
    const { needed, reason } = gateOf('accuracy', few);
    expect(reason).toContain(
      `these dies cannot tell, about ${needed?.dies.toLocaleString('en-US')} of ${needed?.wafers} wafers would`,
    );
    // So it is.
    const enough = comparisonOf(
      times(needed?.wafers ?? 0, [
        [190, GOOD],
        [10, CAUGHT],
      ]),
    );
    expect(verdictsOf(enough)).toMatchObject({ accuracy: 'holds' });
    expect(verdictOn(gatesOf(few, LIMITS))).toBe('open');
  });

  it('are missed where the whole interval lies beyond the bound, by dies of wafers that are alike', () => {
    const worse = comparisonOf(
      times(25, [
        [372, GOOD],
        [8, NEW_ALARM],
        [20, CAUGHT],
      ]),
    );
    expect(gateOf('accuracy', worse)).toMatchObject({ verdict: 'missed', measured: 2, required: 1 });
    expect(gateOf('false alarm rise', worse)).toMatchObject({ verdict: 'open' });
    // The same share, of two wafers of 25: it may be those two, and not the version.
    const uneven = comparisonOf([
      ...times(23, [
        [380, GOOD],
        [20, CAUGHT],
      ]),
      ...times(2, [
        [280, GOOD],
        [100, NEW_ALARM],
        [20, CAUGHT],
      ]),
    ]);
    expect(gateOf('accuracy', uneven)).toMatchObject({ verdict: 'open', measured: 2 });
  });

  it('take dies as independent where the data names no wafers', () => {
    const few = comparisonOf(
      times(5, [
        [190, GOOD],
        [10, CAUGHT],
      ]),
      { named: false },
    );
    expect(verdictsOf(few)).toMatchObject({ accuracy: 'holds' });
  });

  it('count lost and won dies against each other: forty of each in a thousand are no drop, and less sure than none', () => {
    const wafer: Wafer = [
      [152, GOOD],
      [32, CAUGHT],
      [8, LOST],
      [8, WON],
    ];
    const { measured, interval, verdict } = gateOf(
      'accuracy',
      comparisonOf(times(5, wafer), { named: false }),
    );
    expect({ measured, verdict }).toEqual({ measured: 0, verdict: 'open' });
    // 1.96 times the root of (0.04 + 0.04) / 1000 is 1.75 points.
    expect(interval?.high).toBeGreaterThan(1.7);
    expect(interval?.high).toBeLessThan(2);
    expect(interval?.low).toBeCloseTo(-(interval?.high ?? 0), 12);
  });

  it('of latency and of samples allow their bound itself, and nothing beyond it', () => {
    const of = (p99: number, dies: number) =>
      verdictsOf(comparisonOf([[[dies, GOOD]], [[1, CAUGHT]]], { p99 }));
    expect(of(20, 999)).toMatchObject({ latency: 'holds', samples: 'holds' });
    expect(of(20.001, 998)).toMatchObject({ latency: 'missed', samples: 'open' });
  });

  it('of cost allow the rise that they are told to allow, of what an escape and an overkill cost', () => {
    const wafer: Wafer = [
      [360, GOOD],
      [20, ALARM],
      [20, CAUGHT],
    ];
    const same = comparisonOf(times(25, wafer), { costs: true });
    // 2 × 50 alarms in 1,000 dies; a tenth of it is allowed. One escape more in 1,000 dies would be 40.
    expect(gateOf('cost', same, { maxCostRise: 500 })).toMatchObject({
      verdict: 'holds',
      measured: 0,
      required: 500,
    });
    expect(gateOf('cost', same)).toMatchObject({ verdict: 'open', measured: 0, required: 10 });
    const dearer = comparisonOf(times(25, [...wafer, [4, LOST]]), { costs: true });
    expect(gateOf('cost', dearer)).toMatchObject({ verdict: 'missed' });
  });
});

describe('a model that is blind', () => {
  const blindOn = (wafers: number, kind: DieKind) =>
    comparisonOf(
      times(wafers, [
        [99, GOOD],
        [1, kind],
      ]),
      { named: wafers > 1 },
    );

  it('to all defects loses little accuracy where few dies fail, and does not pass, also on few dies', () => {
    for (const wafers of [10, 30]) {
      expect(verdictsOf(blindOn(wafers, LOST))).toMatchObject({ detection: 'missed' });
    }
    expect(verdictsOf(blindOn(100, LOST))).toMatchObject({
      detection: 'missed',
      'least detection': 'missed',
    });
    const both = { before: 'pass', after: 'pass', good: false } as const;
    expect(verdictsOf(blindOn(100, both))).toMatchObject({ 'least detection': 'missed' });
  });

  it('to all good dies is right in 1%, as the one before it, and does not pass, also on few dies', () => {
    for (const wafers of [2, 10]) {
      const poor = comparisonOf(
        times(wafers, [
          [99, ALARM],
          [1, CAUGHT],
        ]),
      );
      expect(verdictsOf(poor)).toMatchObject({ 'least accuracy': 'missed', 'false alarms': 'missed' });
    }
  });
});

describe('groups', () => {
  const on = (group: string, wafer: Wafer): Wafer => wafer.map(([dies, kind]) => [dies, { ...kind, group }]);
  const sound: Wafer = [
    [180, GOOD],
    [20, CAUGHT],
  ];

  it('of which one is worse are missed, and it is named, though all dies together are as good', () => {
    const found = comparisonOf(
      [
        ...times(
          20,
          on('T01', [
            [180, GOOD],
            [20, LOST],
          ]),
        ),
        ...times(
          20,
          on('T02', [
            [180, GOOD],
            [20, WON],
          ]),
        ),
      ],
      { by: true },
    );
    expect(gateOf('groups', found)).toMatchObject({
      verdict: 'missed',
      measured: 2,
      reason:
        'equipment_id T01 (4000 dies) loses 10.00 points of accuracy, at most 11.39; equipment_id T01 (4000 dies) loses 100.00 points of detection, at most 100.00',
    });
  });

  it('hold where each keeps its bounds, and are open where one is too small to tell', () => {
    const large = [...times(30, on('T01', sound)), ...times(30, on('T02', sound))];
    expect(gateOf('groups', comparisonOf(large, { by: true }))).toMatchObject({
      verdict: 'holds',
      reason: 'none of 2 groups is worse',
    });
    const small = comparisonOf([...large, ...times(3, on('T03', sound))], { by: true });
    expect(gateOf('groups', small)).toMatchObject({
      verdict: 'open',
      reason: expect.stringMatching(
        /^equipment_id T03 \(600 dies\) may lose too much: it loses 0\.00 points of accuracy, at most \d+\.\d\d; .*: these dies cannot tell$/,
      ),
    });
    expect(gateOf('groups', small, { maxGroupAccuracyDrop: 20, maxGroupDetectionDrop: 60 })).toMatchObject({
      verdict: 'holds',
    });
  });

  it('are not there where nobody asked, and one without failing dies has no detection to lose', () => {
    expect(Object.keys(verdictsOf(comparisonOf(times(2, sound))))).not.toContain('groups');
    const good = comparisonOf([...times(30, on('T01', sound)), ...times(30, on('T02', [[200, GOOD]]))], {
      by: true,
    });
    expect(gateOf('groups', good)).toMatchObject({ verdict: 'holds' });
  });
});
