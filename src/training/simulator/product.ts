import { exp } from '../portable-math.js';
import { createRandom, type Random } from '../random.js';
import { DAMAGE, PARAMETER_GROUPS, type ParameterGroup, PROCESS_FACTORS } from './catalogue.js';

/** One test of the simulated product, in base SI units. */
export interface SimulatedParameter {
  readonly name: string;
  readonly group: string;
  readonly unit: string;
  /** STDF TEST_NUM. */
  readonly testNumber: number;
  readonly lowLimit: number;
  readonly highLimit: number;
  readonly nominal: number;
  readonly spread: number;
  readonly shape: ParameterGroup['shape'];
  /** Decimals after the point that the tester prints: six significant digits at the nominal. */
  readonly decimals: number;
}

/** What is the same in every lot: the test plan, and how process and defects move it. */
export interface Product {
  readonly parameters: readonly SimulatedParameter[];
  readonly factors: number;
  /** float64 [parameters, factors] row-major: standard deviations per unit of each factor. */
  readonly loadings: Float64Array;
  /** float64 [parameters]: standard deviation of what no factor explains. */
  readonly noise: Float64Array;
  /** For each fixed defect mode float64 [parameters]: standard deviations moved at severity 1. */
  readonly damage: Readonly<Record<keyof typeof DAMAGE, Float64Array>>;
}

/** Limits stand this many standard deviations from the nominal, as a released test program's do. */
const LIMIT_SIGMAS = 6;

/** Groups' tests are numbered from multiples of this, as test programs number their blocks. */
const TEST_NUMBER_BLOCK = 1000;

/** The simulated product: always the same one, whatever the lot's seed. */
export function createProduct(): Product {
  const parameters = PARAMETER_GROUPS.flatMap((group, block) =>
    Array.from({ length: group.count }, (_, i) => describeParameter(group, block, i)),
  );
  const random = createRandom('diegate product');
  const { loadings, noise } = drawLoadings(parameters, random);
  const damage = {
    'edge-ring': drawDamage('edge-ring', parameters),
    centre: drawDamage('centre', parameters),
    scratch: drawDamage('scratch', parameters),
    cluster: drawDamage('cluster', parameters),
  };
  return { parameters, factors: PROCESS_FACTORS.length, loadings, noise, damage };
}

/**
 * What the tester prints for a parameter that stands `z` standard deviations from its nominal:
 * rounded to the parameter's decimals, so that text and number are the same value.
 */
export function printedValue(parameter: SimulatedParameter, z: number): number {
  const { nominal, spread, shape, decimals } = parameter;
  const value = shape === 'lognormal' ? nominal * exp(spread * z) : nominal + Math.abs(nominal) * spread * z;
  return roundToDecimals(value, decimals);
}

function describeParameter(group: ParameterGroup, block: number, index: number): SimulatedParameter {
  const { key, unit, spread, shape } = group;
  // Structures of one group differ in size: nominals step over about a third of their value.
  const step = 0.85 + (0.3 * index) / Math.max(1, group.count - 1);
  const decimals = 6 - digitsBeforePoint(Math.abs(group.nominal));
  const nominal = roundToDecimals(group.nominal * step, decimals);
  const parameter = {
    name: `${key}_${String(index + 1).padStart(2, '0')}`,
    group: key,
    unit,
    testNumber: (block + 1) * TEST_NUMBER_BLOCK + index + 1,
    nominal,
    spread,
    shape,
    decimals,
  };
  const ends = [-LIMIT_SIGMAS, LIMIT_SIGMAS].map((z) =>
    printedValue({ ...parameter, lowLimit: 0, highLimit: 0 }, z),
  );
  return { ...parameter, lowLimit: Math.min(...ends), highLimit: Math.max(...ends) };
}

function drawLoadings(parameters: readonly SimulatedParameter[], random: Random) {
  const factors = PROCESS_FACTORS.length;
  const loadings = new Float64Array(parameters.length * factors);
  const noise = new Float64Array(parameters.length);
  parameters.forEach(({ group }, p) => {
    let square = 0;
    const row = loadings.subarray(p * factors, (p + 1) * factors);
    PROCESS_FACTORS.forEach((factor, f) => {
      // Structures of one group answer alike but not equally to a factor.
      const loading = (factor.loadings[group] ?? 0) * random.between(0.6, 1.4);
      row[f] = loading;
      square += loading * loading;
    });
    // The process explains between half and seven eighths of a parameter's variance.
    const explained = random.between(0.5, 0.875);
    const scale = Math.sqrt(explained / square);
    for (let f = 0; f < factors; f++) row[f] = row[f] * scale;
    noise[p] = Math.sqrt(1 - explained);
  });
  return { loadings, noise };
}

function drawDamage(mode: keyof typeof DAMAGE, parameters: readonly SimulatedParameter[]): Float64Array {
  const { share, directions } = DAMAGE[mode];
  const random = createRandom(`diegate damage ${mode}`);
  return Float64Array.from(parameters, ({ group }) => {
    const direction = directions[group] ?? 0;
    const hit = random.chance(share);
    const sensitivity = random.between(0.4, 1);
    return hit ? direction * sensitivity : 0;
  });
}

function digitsBeforePoint(magnitude: number): number {
  // By multiplication with exact powers of ten: Math.log10 may differ between machines.
  let digits = 0;
  while (magnitude >= powerOfTen(digits)) digits += 1;
  while (magnitude < powerOfTen(digits - 1)) digits -= 1;
  return digits;
}

function roundToDecimals(value: number, decimals: number): number {
  const power = powerOfTen(Math.abs(decimals));
  // One correctly rounded division of whole numbers gives the double nearest to the decimal.
  return decimals >= 0 ? Math.round(value * power) / power : Math.round(value / power) * power;
}

/** 10 to a whole power by parsing, which is correctly rounded everywhere. */
function powerOfTen(exponent: number): number {
  return Number(`1e${exponent}`);
}
