import { estimateWithin, type Finding, judge, type Observation } from './bounds.js';
import type { CanaryPlan, CanaryState } from './canary-plan.js';
import { zOf } from './proportions.js';
import { confidenceOf, scarcityOf, sentenceOf } from './wording.js';

/** Something that happened to a canary, for the log and the metrics. */
export interface CanaryEvent {
  readonly kind: 'started' | 'step' | 'hold' | 'completed' | 'rolled_back';
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
const EARLY_DIES = 50;
const EARLY_SIGNIFICANCE = 0.001;

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
 * but `hold`, and after a restart, where the dwell time goes on.
 *
 * In this order:
 * 1. An ended canary stays as it is.
 * 2. A broken bound rolls back at once, that is an interval wholly outside: at any time on 50 dies of each
 *    version and a significance of 0.001; after the dwell time on `minDies` and the plan's significance.
 * 3. Before the dwell time nothing else happens, nor while a version has fewer than `minDies`.
 * 4. Every estimate within its bound: the next step, or the end. The estimate and not its interval, as
 *    going on is no verdict: the next steps go on watching, with more dies.
 * 5. An estimate out of bounds that chance may explain holds the step for `patience` dwell times more, and
 *    then rolls back.
 *
 * At 100% no die goes to `from`, so only the error rate is watched there. As long as dies arrive, a canary
 * ends; without them it waits where it is.
 *
 * @returns the same state and no event while nothing happens
 */
export function advanceCanary(state: CanaryState, observation: Observation, now: Date): CanaryMove {
  if (state.status !== 'running') return unmoved(state);
  const { dwellMs, patience, bounds } = state.plan;
  const elapsedMs = now.getTime() - Date.parse(state.stepSince);
  const early = watched(state, observation, EARLY_DIES, EARLY_SIGNIFICANCE);
  const harm = harmOf(early, EARLY_SIGNIFICANCE);
  if (harm !== undefined) return moved(ended(state, 'rolled_back', harm, now), 'rolled_back');
  if (elapsedMs < dwellMs) return unmoved(state);
  const findings = watched(state, observation, bounds.minDies, bounds.significance);
  const shown = harmOf(findings, bounds.significance);
  if (shown !== undefined) return moved(ended(state, 'rolled_back', shown, now), 'rolled_back');
  const scarce = findings.find(({ enough }) => !enough);
  if (scarce !== undefined) return held(state, scarcityOf(scarce, bounds.minDies));
  const outside = findings.find((finding) => !estimateWithin(finding));
  if (outside === undefined) return onward(state, findings, now);
  const reason = sentenceOf(outside, confidenceOf(bounds.significance));
  return elapsedMs < dwellMs * (1 + patience)
    ? held(state, reason)
    : moved(ended(state, 'rolled_back', `The step was held for too long. ${reason}`, now), 'rolled_back');
}

/** Percent for each version of a canary; together 100. */
export function weightsOf({ plan, status, step }: CanaryState): Readonly<Record<string, number>> {
  const percent = status === 'rolled_back' ? 0 : (plan.steps[step] ?? 0);
  return { [plan.from]: 100 - percent, [plan.to]: percent };
}

/** Stops a running canary by hand; an ended one stays as it is. */
export function abortCanary(state: CanaryState, reason: string, now: Date): CanaryMove {
  if (state.status !== 'running') return unmoved(state);
  return moved(ended(state, 'rolled_back', reason, now), 'rolled_back');
}

/** The findings that a step is judged by. */
function watched(
  state: CanaryState,
  observation: Observation,
  minDies: number,
  significance: number,
): Finding[] {
  const findings = judge(observation, state.plan.bounds, { minDies, z: zOf(significance) });
  const alone = state.plan.steps[state.step] === 100;
  return alone ? findings.filter(({ bound }) => bound === 'error_rate') : findings;
}

/** Why a step must be rolled back. */
function harmOf(findings: readonly Finding[], significance: number): string | undefined {
  const broken = findings.find(({ verdict }) => verdict === 'broken');
  return broken && sentenceOf(broken, confidenceOf(significance));
}

function onward(state: CanaryState, findings: readonly Finding[], now: Date): CanaryMove {
  const confidence = confidenceOf(state.plan.bounds.significance);
  const reason = findings.map((finding) => sentenceOf(finding, confidence)).join(' ');
  const step = state.step + 1;
  if (step === state.plan.steps.length) return moved(ended(state, 'completed', reason, now), 'completed');
  return moved({ ...state, step, stepSince: now.toISOString(), holding: false, reason }, 'step');
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
