import type { BoundName, Finding } from './bounds.js';

const NAMES: Readonly<Record<BoundName, string>> = {
  error_rate: 'error rate',
  fail_rate_difference: 'difference of the fail rates',
  latency_ratio: 'ratio of the p99 latencies',
  disagreement_rate: 'disagreement rate',
};

/** One sentence on one bound: the estimate, its interval, and what that means for the bound. */
export function sentenceOf(finding: Finding, confidence: string): string {
  const { bound, interval, limit, verdict } = finding;
  if (interval === undefined) return `The ${NAMES[bound]} is not known yet.`;
  const range = `${confidence} interval ${short(interval.low)} to ${short(interval.high)}`;
  return `The ${NAMES[bound]} is ${short(interval.value)} (${range}), ${meaning(verdict, short(limit))}.`;
}

function meaning(verdict: Finding['verdict'], limit: string): string {
  switch (verdict) {
    case 'kept':
      return `within its bound of ${limit}`;
    case 'broken':
      return `beyond its bound of ${limit}`;
    case 'open':
      return `which does not yet settle its bound of ${limit}`;
  }
}

/** One sentence on too few dies. */
export function scarcityOf({ bound, dies }: Finding, minDies: number): string {
  return `The ${NAMES[bound]} rests on ${dies} dies, expected at least ${minDies}.`;
}

/** A significance as people say it: 0.05 is "95%". */
export function confidenceOf(significance: number): string {
  return `${short(100 * (1 - significance))}%`;
}

function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'unknown';
}
