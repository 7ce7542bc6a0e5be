import type { Dice } from './harness.js';

// The texts of numbers, in all shapes that have ever broken a reader of numbers.

const double = new Float64Array(1);
const doubleBits = new BigUint64Array(double.buffer);
const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The exact decimal digits of significand * 2^exponent. */
function exactDecimal(significand: bigint, exponent: number): string {
  if (exponent >= 0) return (significand << BigInt(exponent)).toString();
  const places = -exponent;
  // n / 2^places = n * 5^places / 10^places
  const digits = (significand * 5n ** BigInt(places)).toString().padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Significand and exponent of a positive finite double. */
function partsOf(value: number): [significand: bigint, exponent: number] {
  double[0] = value;
  const biased = Number(doubleBits[0] >> 52n);
  const fraction = doubleBits[0] & 0xfffffffffffffn;
  return biased === 0 ? [fraction, -1074] : [fraction | (1n << 52n), biased - 1075];
}

/** The same number, or one that differs from it far behind its last digit. */
function nudged(dice: Dice, exact: string): string {
  const pointed = exact.includes('.') ? exact : `${exact}.0`;
  const zeros = '0'.repeat(dice.pick([0, 1, 5, 30]));
  return dice.pick([exact, `${pointed}${zeros}1`, `${lowered(pointed)}9${dice.digits(3)}`]);
}

/** One less in the last digit that is not 0. */
function lowered(text: string): string {
  return text.replace(/([1-9])([0.]*)$/, (_, digit: string, rest: string) => {
    return String(Number(digit) - 1) + rest.replaceAll('0', '9');
  });
}

function finiteSingle(dice: Dice): number {
  singleBits[0] = dice.whole(0, 0x7f7fffff);
  return single[0];
}

/** A double that lies exactly between two adjacent float32, subnormal ones included. */
function betweenSingles(dice: Dice): number {
  singleBits[0] = dice.chance(0.2) ? dice.whole(0, 0x00800000) : dice.whole(0x20000000, 0x50000000);
  const lower = single[0];
  singleBits[0]++;
  return (lower + single[0]) / 2;
}

/** Exactly between two adjacent doubles, one of which often lies between two adjacent float32. */
function betweenDoubles(dice: Dice): string {
  double[0] = dice.chance(0.7) ? betweenSingles(dice) : finiteSingle(dice) + Number.MIN_VALUE;
  if (dice.chance(0.5)) doubleBits[0]--;
  const [significand, exponent] = partsOf(Math.abs(double[0]));
  return nudged(dice, exactDecimal(significand * 2n + 1n, exponent - 1));
}

function anyDouble(dice: Dice): number {
  doubleBits[0] =
    (BigInt(dice.whole(1023 - 160, 1023 + 126)) << 52n) |
    (BigInt(dice.whole(0, 0xfffff)) << 32n) |
    BigInt(dice.whole(0, 0xffffffff));
  return double[0];
}

function exponentOf(dice: Dice, from: number, to: number): string {
  const exponent = dice.whole(from, to);
  const sign = exponent < 0 ? '-' : dice.pick(['', '+']);
  return `${dice.pick(['e', 'E'])}${sign}${dice.pick(['', '', '0', '000'])}${Math.abs(exponent)}`;
}

/** Shapes by name; each gives the text of a number without its sign. */
export const SHAPES: Readonly<Record<string, (dice: Dice) => string>> = {
  '6 decimals': (dice) => (dice.fraction() * 10 ** dice.whole(-3, 4)).toFixed(6),
  decimals: (dice) => (dice.fraction() * 10 ** dice.whole(-3, 6)).toFixed(dice.whole(0, 20)),
  '17 digits': (dice) => (dice.fraction() * 10 ** dice.whole(-4, 6)).toPrecision(17),
  'shortest doubles': (dice) => JSON.stringify(anyDouble(dice)),
  'shortest doubles around 1': (dice) => JSON.stringify(dice.fraction() * 10),
  'shortest float32': (dice) => String(Number(finiteSingle(dice).toPrecision(9))),
  'float32 as doubles': (dice) => JSON.stringify(finiteSingle(dice)),
  exponents: (dice) => `${dice.whole(1, 9)}.${dice.digits(dice.whole(1, 19))}${exponentOf(dice, -60, 36)}`,
  'whole exponents': (dice) => `${dice.whole(1, 999)}${exponentOf(dice, -50, 35)}`,
  'whole numbers': (dice) => `${dice.whole(1, 9)}${dice.digits(dice.whole(0, 20))}`,
  'around 2^53': (dice) => {
    const digits = String(2n ** 53n + BigInt(dice.whole(-40, 40)));
    const point = dice.whole(1, digits.length);
    const number = point === digits.length ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return dice.chance(0.5) ? number : `${number}${exponentOf(dice, -40, 20)}`;
  },
  'around 10^-22': (dice) =>
    `${dice.digits(dice.whole(1, 16)).replace(/^0*/, '1')}${exponentOf(dice, -24, -20)}`,
  '30 and more digits': (dice) => `${dice.whole(0, 9)}.${dice.digits(dice.whole(29, 70))}`,
  'hundreds of digits': (dice) =>
    `${dice.whole(1, 9)}${dice.digits(30)}.${dice.digits(dice.whole(200, 500))}`,
  'around 64 characters': (dice) => `${dice.whole(0, 9)}.${dice.digits(dice.whole(58, 66))}`,
  'many zeros': (dice) => `0.${'0'.repeat(dice.whole(1, 60))}${dice.digits(dice.whole(1, 19))}`,
  'many zeros taken back': (dice) => {
    const zeros = dice.whole(1, 400);
    return `0.${'0'.repeat(zeros)}${dice.digits(dice.whole(1, 19))}${exponentOf(dice, zeros - 10, zeros + 10)}`;
  },
  'zeros at the end': (dice) => `${dice.whole(0, 99)}.${dice.digits(3)}${'0'.repeat(dice.whole(1, 60))}`,
  zero: (dice) => dice.pick(['0', '0.0', '0e0', '0.000e-7', '0E+999', '0e-99999', `0.${'0'.repeat(90)}`]),
  'between float32': (dice) => nudged(dice, exactDecimal(...partsOf(betweenSingles(dice)))),
  'between float32, 17 digits': (dice) => betweenSingles(dice).toPrecision(17),
  'between doubles': betweenDoubles,
  subnormal: (dice) => `${dice.whole(1, 9)}.${dice.digits(dice.whole(1, 20))}${exponentOf(dice, -48, -37)}`,
  'below everything': (dice) => `${dice.whole(1, 9)}.${dice.digits(5)}${exponentOf(dice, -400, -46)}`,
  'just below overflow': (dice) =>
    `3.40282356779733${dice.pick(['62', '61', '6', '3', '0'])}${exponentOf(dice, 38, 38)}`,
};

/** Texts of numbers that float32 cannot hold, down to the smallest one. */
export function overflowing(dice: Dice): string {
  return dice.pick([
    // 2^128 - 2^103 lies between the largest float32 and infinity, and rounds away from zero.
    exactDecimal(2n ** 25n - 1n, 103),
    `${exactDecimal(2n ** 25n - 1n, 103)}.0${dice.digits(5)}1`,
    '3.4028235677973366e38',
    `3.40282356779733${dice.whole(65, 99)}e38`,
    `3.4028236${dice.digits(dice.whole(1, 30))}E+38`,
    `${dice.whole(4, 9)}.${dice.digits(dice.whole(1, 20))}e${dice.whole(38, 400)}`,
    `1${dice.digits(dice.whole(39, 120))}`,
    `0.${'0'.repeat(300)}1e${dice.whole(345, 9999)}`,
    '1e39',
    '1e999',
    '1e99999999999999999999',
  ]);
}
