import type { BoundName, Finding } from './bounds.js';

const NAMES: Readonly<Record<BoundName, string>> = {
  error_rate: 'error rate',
  fail_rate_difference: 'difference of the fail rates',
  fail_rate_ratio: 'ratio of the fail rates',
  latency_ratio: 'ratio of the p99 latencies',
  disagreement_rate: 'disagreement rate',
  accuracy_drop: 'drop of the accuracy',
};

/** One sentence on one bound: the estimate, its interval, and what that means for the bound. */
export function sentenceOf(finding: Finding, confidence: string): string {
  const { bound, interval, limit, verdict, alike } = finding;
  if (interval === undefined) return `The ${NAMES[bound]} is not known yet.`;
  if (Number.isNaN(interval.value))
    return `The ${NAMES[bound]} is not known: no die of either version has failed yet.`;
  const range = `${confidence} interval ${short(interval.low)} to ${short(interval.high)}`;
  const says = alike
    ? `beyond its bound of ${short(limit)}, as the version that it is compared with may be too`
    : meaning(verdict, short(limit));
  return `The ${NAMES[bound]} is ${short(interval.value)} (${range}), ${says}.`;
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

/** One sentence on too few dies or wafers. */
export function scarcityOf(
  { bound, dies, wafers }: Finding,
  { minDies, minWafers }: { readonly minDies: number; readonly minWafers: number },
): string {
  if (wafers !== undefined && wafers < minWafers && dies >= minDies)
    return `The ${NAMES[bound]} rests on ${wafers} of the keys that the traffic goes by (wafers, as a rule) in one version, expected at least ${minWafers}.`;
  return `The ${NAMES[bound]} rests on ${dies} dies, expected at least ${minDies}.`;
}

/** A significance as people say it: 0.05 is "95%". */
export function confidenceOf(significance: number): string {
  return `${short(100 * (1 - significance))}%`;
}

/** A number as a sentence has it. */
export function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'unknown';
}
