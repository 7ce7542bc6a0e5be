import { LEAST_CLUSTERS } from '../statistics/design-effect.js';
import { type Evidence, estimateWithin, type Finding, judge, type Observation } from './bounds.js';
import { type CanaryPlan, type CanaryState, isUnderWay } from './canary-plan.js';
import { confidenceOf, scarcityOf, sentenceOf } from './wording.js';

/** Something that happened to a canary, for the log and the metrics. */
export interface CanaryEvent {
  readonly kind: 'started' | 'step' | 'hold' | 'paused' | 'resumed' | 'completed' | 'rolled_back';
  readonly from: string;
  readonly to: string;
  /** Percent of the traffic that `to` gets from now on. */
  readonly percent: number;
  readonly reason: string;
}

/** Where a canary stands, what just happened if anything did, and the weights that hold from now on. */
export interface CanaryMove {
  readonly state: CanaryState;
  readonly event: CanaryEvent | undefined;
  /** Percent for each version; together 100. */
  readonly weights: Readonly<Record<string, number>>;
}

/**
 * What it takes to roll back before a step's dwell time is over. Looking again and again finds a difference
 * by chance alone, so an early look asks for p < 0.001 (Haybittle 1971, Peto 1976).
 */
const EARLY = { minDies: 50, minOutcomes: 50, minWafers: 3, significance: 0.001 };

// Also where a step has no dwell time to speak of.
const LEAST_PATIENCE_MS = 60_000;

/** Begins a canary with its first step. */
export function startCanary(plan: CanaryPlan, now: Date): CanaryMove {
  const at = now.toISOString();
  const reason = `The canary of version ${plan.to} begins.`;
  return moved(
    { plan, status: 'running', step: 0, startedAt: at, stepSince: at, holding: false, reason },
    'started',
  );
}

/**
 * The next state of a canary. Call it as often as you like (every second or so) with what both versions did
 * **since the step began** or the process started, whichever is later: accounts begin anew after each event
 * but `hold`, `paused` and `resumed`, and after a restart, where the dwell time goes on.
 *
 * In this order:
 * 1. An ended canary stays as it is.
 * 2. A broken bound rolls back, that is an interval wholly outside: at any time, also while paused, on 50 dies
 *    and 3 wafers of each version and a significance of 0.001; and at three looks of each step, when its dwell
 *    time is over, when it has enough dies, and when its patience is over, on `minDies`, `minWafers` and the plan's
 *    significance, which all looks of the canary share (Bonferroni): no more equal versions are rolled back.
 * 3. Before the dwell time nothing else happens, nor while a version has fewer than `minDies` or `minWafers`,
 *    however long that takes; but where an estimate on `minDies` is outside of its bound after `patience` dwell times, the step pauses.
 * 4. Every estimate within its bound: the next step. The estimate and not its interval, as going on is no
 *    verdict: the next steps go on watching, with more dies. The step to 100% is one, and the end too: every
 *    interval must lie within its bound.
 * 5. What has enough dies and is still open after `patience` dwell times is not failed. The step pauses for a
 *    person (see {@link resumeCanary}), or holds on, as the plan says.
 *
 * At 100% no die goes to `from`, so only the error rate and the accuracy are watched there.
 *
 * @returns the same state and no event while nothing happens
 */
export function advanceCanary(state: CanaryState, observation: Observation, now: Date): CanaryMove {
  if (!isUnderWay(state)) return unmoved(state);
  const { dwellMs, bounds, minWafers, whenOpen } = state.plan;
  const { minDies } = bounds;
  const harm = harmOf(state, observation, EARLY);
  if (harm !== undefined) return rolledBack(state, harm, now);
  const elapsedMs = now.getTime() - Date.parse(state.stepSince);
  if (state.status === 'paused' || elapsedMs < dwellMs) return unmoved(state);
  const findings = findingsOf(state, observation);
  const scarce = findings.find(({ enough }) => !enough);
  const isFirst = state.patientSince === undefined;
  const isOver =
    !isFirst &&
    state.patienceOver === undefined &&
    now.getTime() - Date.parse(state.patientSince ?? '') >= patienceMs(state.plan);
  // Three looks, and none at each tick: at the dwell time's end, with enough wafers, after the patience.
  if (!state.holding || (scarce === undefined && (isFirst || isOver))) {
    const shown = harmOf(state, observation, {
      minDies,
      minWafers,
      significance: significanceOfALook(state.plan),
    });
    if (shown !== undefined) return rolledBack(state, shown, now);
  }
  if (scarce !== undefined) return waiting(state, findings, scarce, now);
  const open = findings.find((finding) => !isPassed(state, finding));
  if (open === undefined) return onward(state, findings, now);
  const reason = sentenceOf(open, confidenceOf(bounds.significance));
  if (isFirst) return moved({ ...state, holding: true, patientSince: now.toISOString(), reason }, 'hold');
  if (!isOver) return unmoved(state);
  return whenOpen === 'pause'
    ? paused(state, reason)
    : moved({ ...state, patienceOver: true, reason }, 'hold');
}

/**
 * Where dies or wafers are wanted the step is held. One whose estimate is outside of its bound does not get dies for as long as that takes:
 * after its patience a person is asked, though nothing is proven.
 */
function waiting(state: CanaryState, findings: readonly Finding[], scarce: Finding, now: Date): CanaryMove {
  const { bounds, minWafers, dwellMs, whenOpen } = state.plan;
  const { minDies, significance } = bounds;
  const scarcity = scarcityOf(scarce, { minDies, minWafers });
  const suspect = findings.find(
    (finding) => finding.dies >= minDies && finding.interval !== undefined && !estimateWithin(finding),
  );
  const waitsSinceMs =
    state.patientSince === undefined ? Date.parse(state.stepSince) + dwellMs : Date.parse(state.patientSince);
  const isOver = now.getTime() - waitsSinceMs >= patienceMs(state.plan);
  if (suspect === undefined || !isOver || whenOpen !== 'pause') return held(state, scarcity);
  return paused(state, `${sentenceOf(suspect, confidenceOf(significance))} ${scarcity}`);
}

function patienceMs({ dwellMs, patience }: CanaryPlan): number {
  return Math.max(dwellMs * patience, LEAST_PATIENCE_MS);
}

/** What keeps a step from being left, and what it has shown so far: by the plan's own significance. */
export function findingsOf(state: CanaryState, observation: Observation): Finding[] {
  const { bounds, minWafers } = state.plan;
  const evidence = { minDies: bounds.minDies, minWafers: isAlone(state) ? LEAST_CLUSTERS : minWafers };
  return judge(observation, bounds, { ...evidence, significance: bounds.significance }, isAlone(state));
}

/**
 * Whether a finding lets the step be left. Of the accuracy the estimate is enough at the verdict too: outcomes are few and late, and a
 * canary does not wait until they settle a bound that they do not break.
 */
export function isPassed(state: CanaryState, finding: Finding): boolean {
  if (!finding.enough) return false;
  if (finding.bound === 'accuracy_drop') return finding.interval === undefined || estimateWithin(finding);
  const isVerdict = state.step >= state.plan.steps.length - 2;
  return isVerdict ? finding.verdict === 'kept' : estimateWithin(finding);
}

/**
 * Lets a paused canary go on, as a person has decided.
 * @param next `step`: to its next step, or its end, whatever is open; `hold`: wait for more dies, for its
 * patience once more
 */
export function resumeCanary(
  state: CanaryState,
  next: 'step' | 'hold',
  reason: string,
  now: Date,
): CanaryMove {
  if (state.status !== 'paused') return unmoved(state);
  const running: CanaryState = { ...state, status: 'running', reason };
  // It is held as before, so that no look is due until its patience is over.
  if (next === 'hold')
    return moved({ ...running, holding: true, patientSince: now.toISOString() }, 'resumed');
  return stepped(running, reason, now);
}

/** Percent for each version of a canary; together 100. */
export function weightsOf({ plan, status, step }: CanaryState): Readonly<Record<string, number>> {
  const percent = status === 'rolled_back' ? 0 : (plan.steps[step] ?? 0);
  return { [plan.from]: 100 - percent, [plan.to]: percent };
}

/** Stops a running canary by hand; an ended one stays as it is. */
export function abortCanary(state: CanaryState, reason: string, now: Date): CanaryMove {
  return isUnderWay(state) ? rolledBack(state, reason, now) : unmoved(state);
}

/** Whether no die goes to the old version. */
function isAlone({ plan, step }: CanaryState): boolean {
  return plan.steps[step] === 100;
}

/** Three looks at each step: together they are wrong as rarely as the plan asks. */
function significanceOfALook({ steps, bounds }: CanaryPlan): number {
  return bounds.significance / (3 * steps.length);
}

/** Why a step must be rolled back. */
function harmOf(state: CanaryState, observation: Observation, evidence: Evidence): string | undefined {
  const findings = judge(observation, state.plan.bounds, evidence, isAlone(state));
  const broken = findings.find(({ verdict }) => verdict === 'broken');
  return broken && sentenceOf(broken, confidenceOf(evidence.significance));
}

function onward(state: CanaryState, findings: readonly Finding[], now: Date): CanaryMove {
  const confidence = confidenceOf(state.plan.bounds.significance);
  return stepped(state, findings.map((finding) => sentenceOf(finding, confidence)).join(' '), now);
}

function stepped(
  { patientSince: _, patienceOver: __, ...state }: CanaryState,
  reason: string,
  now: Date,
): CanaryMove {
  const step = state.step + 1;
  if (step === state.plan.steps.length) return moved(ended(state, 'completed', reason, now), 'completed');
  return moved({ ...state, step, stepSince: now.toISOString(), holding: false, reason }, 'step');
}

function rolledBack(state: CanaryState, reason: string, now: Date): CanaryMove {
  return moved(ended(state, 'rolled_back', reason, now), 'rolled_back');
}

function paused(state: CanaryState, reason: string): CanaryMove {
  return moved({ ...state, status: 'paused', holding: false, reason }, 'paused');
}

/** A held step is told of once. */
function held(state: CanaryState, reason: string): CanaryMove {
  if (state.holding) return unmoved(state);
  return moved({ ...state, holding: true, reason }, 'hold');
}

function ended(
  state: CanaryState,
  status: 'completed' | 'rolled_back',
  reason: string,
  now: Date,
): CanaryState {
  return { ...state, status, stepSince: now.toISOString(), holding: false, reason };
}

function unmoved(state: CanaryState): CanaryMove {
  return { state, event: undefined, weights: weightsOf(state) };
}

function moved(state: CanaryState, kind: CanaryEvent['kind']): CanaryMove {
  const { from, to } = state.plan;
  const weights = weightsOf(state);
  return { state, event: { kind, from, to, percent: weights[to] ?? 0, reason: state.reason }, weights };
}
