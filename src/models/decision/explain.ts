import type { Contribution } from '../../die/prediction.js';
import type { Manifest } from '../manifest/task-manifests.js';

/** A manifest, as far as explanations go. */
interface Explained {
  readonly input: Manifest['input'];
  readonly outputs?: Manifest['outputs'];
}

/**
 * The `k` test parameters that contributed most to a die's score, largest first; ties by index.
 * @param given float32 [parameters]: contributions, non-negative; or, of a version with residuals, these, whose squares are
 * the contributions
 * @param values float32 [parameters], NaN where missing
 */
export function explain(
  k: number,
  given: Float32Array,
  values: Float32Array,
  { input, outputs }: Explained,
): Contribution[] {
  const areResiduals = outputs !== undefined && 'residuals' in outputs && outputs.residuals !== undefined;
  const contributions = areResiduals ? given.map((residual) => residual * residual) : given;
  let total = 0;
  for (let index = 0; index < contributions.length; index++) total += at(contributions, index);
  const order = Array.from(contributions.keys()).sort(
    (a, b) => at(contributions, b) - at(contributions, a) || a - b,
  );
  return order.slice(0, k).map((index) => {
    const parameter = typeof input.parameters === 'number' ? undefined : input.parameters[index];
    return {
      index,
      name: parameter?.name ?? String(index),
      value: finiteOrNull(values[index]),
      expected: parameter?.expected ?? null,
      ...(areResiduals && byOthers(values[index], given[index], parameter?.residualSigma)),
      test_number: parameter?.testNumber,
      test_name: parameter?.testName,
      position: parameter?.position,
      pin: parameter?.pin,
      unit: parameter?.unit,
      low_limit: parameter?.lowLimit,
      high_limit: parameter?.highLimit,
      share: total > 0 ? at(contributions, index) / total : 0,
    };
  });
}

/** A contribution that is not a number (a graph of someone's own) says nothing, and JSON cannot say it. */
function at(values: Float32Array, index: number): number {
  return finiteOrNull(values[index]) ?? 0;
}

function finiteOrNull(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

/** What the other values let expect of this one. */
function byOthers(value = Number.NaN, residual = Number.NaN, sigma: number | undefined) {
  if (!Number.isFinite(value) || !Number.isFinite(residual)) return {};
  return sigma === undefined
    ? { residual }
    : { expected_by_others: Math.fround(value - residual * sigma), residual };
}
