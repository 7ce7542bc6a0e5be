import { quantile } from '../../statistics/quantile.js';
import { log } from '../portable-math.js';
import type { DieTable } from '../table/die-table.js';
import type { NormalModel } from './fit.js';
import { standardScores, WINSOR_SIGMAS } from './standardise.js';
import { symmetricInverse } from './symmetric-inverse.js';

/** What each parameter of good dies is beyond what all the others predict. */
export interface DependencyModel {
  /**
   * float32 [parameters, parameters] row-major: standard scores times this are residuals in robust sigma. Column j is row j
   * of the inverse of the shrunk correlation, scaled; zero where a parameter is not used.
   */
  readonly weights: Float32Array;
  /** float64 [parameters]: robust sigma of each residual, in the parameter's unit; 0 where not used. */
  readonly sigmas: Float64Array;
  /** How far correlations were drawn to 0, 0 to 1. */
  readonly shrinkage: number;
  /** By row of the table: the square of a die's largest residual by an inverse that it was not fitted to. */
  readonly unfitted: ReadonlyMap<number, number>;
}

/** What the dependency screen is fitted to. */
interface DependencyDies {
  readonly table: DieTable;
  /** Row numbers of good dies. */
  readonly rows: readonly number[];
  /** Dies with one name stay in one block, such as wafers; undefined for each die by itself. */
  readonly groups: readonly string[] | undefined;
  readonly normal: NormalModel;
}

/**
 * How far correlations may be drawn to 0. Never by nothing: tests that are computed from others would make them singular.
 * Which of these is best says the dies themselves.
 */
const SHRINKAGES = [0.005, 0.02, 0.08, 0.3, 0.8] as const;

/**
 * A residual's sigma is at least this share of its parameter's own deviation: of a test that is logged twice the residual
 * is float32 rounding alone.
 */
const MIN_RESIDUAL_SHARE = 0.01;

/** Every block of dies is judged by an inverse made of the others. */
const BLOCKS = 4;

/** Dies that spreads are taken from, evenly over all: enough for a hundredth of them. */
const MOST_SPREAD_DIES = 6000;

/** Of these the shrinkage is chosen by. */
const MOST_CHOOSING_DIES = 1000;

/**
 * The quantile that a spread is taken from, over that of a normal distribution: where false alarms come from is the tail,
 * and tails of test results are heavier in one parameter than in another.
 */
const SPREAD_QUANTILE = 0.99;
const NORMAL_AT_SPREAD_QUANTILE = 2.5758;

/**
 * Fits the dependency screen to good dies, by the scale of `normal`. The residual of parameter j given all others is
 * (Ω z)ⱼ / Ωⱼⱼ, where Ω is the inverse of the correlation (Whittaker 1990, section 5.8); correlations are of scores drawn in
 * to ±{@link WINSOR_SIGMAS} and are shrunk to 0, as far as makes residuals of dies of other blocks smallest, so that there
 * is an inverse with fewer dies than parameters, too.
 */
export function fitDependency(dies: DependencyDies): DependencyModel {
  const used = dies.normal.standardisation.use.flatMap((use, p) => (use === 'used' ? [p] : []));
  const blocks = blocksOf(dies);
  const grams = blocks.map((rows) => gramOf(dies, rows, used));
  const shrinkage = chooseShrinkage(dies, used, blocks, grams);
  const parts = blocks.map((rows, block) => ({
    rows,
    weights: precisionOf(sumOf(grams, block), dies.rows.length - rows.length, shrinkage),
  }));
  const sigmas = sigmasOf(absoluteResiduals(dies, used, thinned(parts, MOST_SPREAD_DIES)));
  const all = precisionOf(sumOf(grams), dies.rows.length, shrinkage);
  return {
    ...modelOf(dies.normal, used, all, sigmas),
    shrinkage,
    unfitted: largestOfUnfitted(dies, used, thinned(parts, MOST_SPREAD_DIES), sigmas),
  };
}

/** Rows of one block and what judges them: float64 [used, used], row j the weights of the residual of parameter j. */
interface JudgedBlock {
  readonly rows: readonly number[];
  readonly weights: Float64Array;
}

/** The rows shared out to blocks, one after another; whole groups where there are groups. */
function blocksOf({ rows, groups }: DependencyDies): number[][] {
  const blocks = Array.from({ length: BLOCKS }, (): number[] => []);
  const numbers = new Map<string, number>();
  rows.forEach((row, i) => {
    const group = groups?.[row];
    const number = group === undefined ? i : (numbers.get(group) ?? numbers.size);
    if (group !== undefined) numbers.set(group, number);
    blocks[number % BLOCKS].push(row);
  });
  return blocks;
}

function thinned(parts: readonly JudgedBlock[], most: number): JudgedBlock[] {
  const dies = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  const step = Math.max(1, Math.ceil(dies / most));
  return parts.map(({ rows, weights }) => ({ rows: rows.filter((_, i) => i % step === 0), weights }));
}

/** Standard scores in units of a parameter's own deviation, float64 [used]; 0 where missing. */
function unitScores({ table, normal }: DependencyDies, row: number, used: readonly number[]): Float64Array {
  const width = table.parameters.length;
  const z = standardScores(normal.standardisation, table.values.subarray(row * width, (row + 1) * width));
  return Float64Array.from(used, (p) => z[p] * normal.noise[p]);
}

function drawnIn(score: number): number {
  return Math.min(WINSOR_SIGMAS, Math.max(-WINSOR_SIGMAS, score));
}

/** Sums of products of every two parameters over the dies, float64 [used, used], symmetric. */
function gramOf(dies: DependencyDies, rows: readonly number[], used: readonly number[]): Float64Array {
  const width = used.length;
  const products = new Float64Array(width * width);
  for (const row of rows) {
    const z = unitScores(dies, row, used).map(drawnIn);
    for (let i = 0; i < width; i++) {
      const left = z[i];
      if (left === 0) continue;
      const at = i * width;
      for (let j = 0; j <= i; j++) products[at + j] += left * z[j];
    }
  }
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) products[j * width + i] = products[i * width + j];
  return products;
}

function sumOf(grams: readonly Float64Array[], without?: number): Float64Array {
  const sum = new Float64Array(grams[0].length);
  grams.forEach((gram, block) => {
    if (block === without) return;
    for (let i = 0; i < sum.length; i++) sum[i] += gram[i];
  });
  return sum;
}

/** float64 [used, used]: row j are the weights of unit scores whose sum is the residual of parameter j, its own weight 1. */
function precisionOf(gram: Float64Array, dies: number, shrinkage: number): Float64Array {
  const width = Math.sqrt(gram.length);
  // A parameter that did not vary over these dies stands for itself.
  const deviations = Float64Array.from(
    { length: width },
    (_, i) => Math.sqrt(gram[i * width + i] / dies) || 1,
  );
  const correlation = Float64Array.from(gram, (product, at) => {
    const [i, j] = [Math.floor(at / width), at % width];
    return i === j ? 1 : ((1 - shrinkage) * product) / (dies * deviations[i] * deviations[j]);
  });
  const omega = symmetricInverse(correlation, width);
  return omega.map((entry, at) => {
    const [i, j] = [Math.floor(at / width), at % width];
    return (entry / omega[i * width + i]) * (deviations[i] / deviations[j]);
  });
}

/** The shrinkage by which residuals of dies of other blocks are smallest, as the mean of their logarithms says. */
function chooseShrinkage(
  dies: DependencyDies,
  used: readonly number[],
  blocks: readonly (readonly number[])[],
  grams: readonly Float64Array[],
): number {
  const totals = SHRINKAGES.map((shrinkage) => {
    const parts = blocks.map((rows, block) => ({
      rows,
      weights: precisionOf(sumOf(grams, block), dies.rows.length - rows.length, shrinkage),
    }));
    const sigmas = sigmasOf(absoluteResiduals(dies, used, thinned(parts, MOST_CHOOSING_DIES)));
    return sigmas.reduce((sum, sigma) => sum + log(sigma), 0);
  });
  return SHRINKAGES[totals.indexOf(Math.min(...totals))];
}

/** Sizes of the residuals of each parameter, in units of its own deviation, over the dies that have it. */
function absoluteResiduals(
  dies: DependencyDies,
  used: readonly number[],
  parts: readonly JudgedBlock[],
): number[][] {
  const found = used.map((): number[] => []);
  forEachResiduals(dies, used, parts, (_, residuals) => {
    residuals.forEach((residual, i) => {
      if (!Number.isNaN(residual)) found[i].push(Math.abs(residual));
    });
  });
  return found;
}

/** Tells the residuals of each die, float64 [used], NaN where missing. */
function forEachResiduals(
  dies: DependencyDies,
  used: readonly number[],
  parts: readonly JudgedBlock[],
  tell: (row: number, residuals: Float64Array) => void,
): void {
  const width = dies.table.parameters.length;
  for (const { rows, weights } of parts) {
    for (const row of rows) {
      const z = unitScores(dies, row, used);
      const residuals = Float64Array.from(used, (p, i) => {
        if (Number.isNaN(dies.table.values[row * width + p])) return Number.NaN;
        let residual = 0;
        for (let j = 0; j < z.length; j++) residual += weights[i * z.length + j] * z[j];
        return residual;
      });
      tell(row, residuals);
    }
  }
}

function sigmasOf(sizes: readonly (readonly number[])[]): Float64Array {
  return Float64Array.from(sizes, (of) =>
    of.length === 0
      ? 1
      : Math.max(
          MIN_RESIDUAL_SHARE,
          quantile(Float64Array.from(of).sort(), SPREAD_QUANTILE) / NORMAL_AT_SPREAD_QUANTILE,
        ),
  );
}

function largestOfUnfitted(
  dies: DependencyDies,
  used: readonly number[],
  parts: readonly JudgedBlock[],
  sigmas: Float64Array,
): Map<number, number> {
  const largest = new Map<number, number>();
  forEachResiduals(dies, used, parts, (row, residuals) => {
    let most = 0;
    residuals.forEach((residual, i) => {
      if (!Number.isNaN(residual)) most = Math.max(most, Math.abs(residual) / sigmas[i]);
    });
    largest.set(row, most * most);
  });
  return largest;
}

/** In the graph's standard scores, which are in units of noise; verdicts stand for themselves. */
function modelOf(
  { standardisation, noise, parameters }: NormalModel,
  used: readonly number[],
  precision: Float64Array,
  unitSigmas: Float64Array,
): Pick<DependencyModel, 'weights' | 'sigmas'> {
  const weights = new Float32Array(parameters * parameters);
  const sigmas = new Float64Array(parameters);
  used.forEach((p, i) => {
    const sigma = unitSigmas[i];
    // scale is 1 / (deviation * noise): a unit score is the graph's times noise.
    sigmas[p] = sigma / ((standardisation.scale[p] || 1) * noise[p]);
    used.forEach((other, j) => {
      weights[other * parameters + p] = (precision[i * used.length + j] * noise[other]) / sigma;
    });
  });
  standardisation.use.forEach((use, p) => {
    if (use === 'verdict') {
      weights[p * parameters + p] = 1;
      sigmas[p] = 1 / (standardisation.scale[p] || 1);
    }
  });
  return { weights, sigmas };
}

/**
 * Residuals of one die in robust sigma, float64 [parameters]: 0 where the value is missing.
 * @param z standard scores, float64 [parameters]
 */
export function residualsOf(weights: Float32Array, z: Float64Array, values: Float32Array): Float64Array {
  const width = z.length;
  const residuals = new Float64Array(width);
  for (let p = 0; p < width; p++) {
    const score = z[p] ?? 0;
    if (score === 0) continue;
    for (let j = 0; j < width; j++)
      residuals[j] = (residuals[j] ?? 0) + score * (weights[p * width + j] ?? 0);
  }
  return residuals.map((residual, j) => (Number.isNaN(values[j] ?? Number.NaN) ? 0 : residual));
}
