/** Powers of ten of the SI prefixes that testers write; 'K' is how many of them write kilo. */
const PREFIXES: ReadonlyMap<string, number> = new Map([
  ['f', -15],
  ['p', -12],
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['K', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
]);

/** Unit symbols in lower case, as testers spell them, and what they are one spelling of. */
const BASES: ReadonlyMap<string, string> = new Map([
  ['v', 'V'],
  ['volt', 'V'],
  ['volts', 'V'],
  ['a', 'A'],
  ['amp', 'A'],
  ['amps', 'A'],
  ['w', 'W'],
  ['hz', 'Hz'],
  ['ohm', 'Ohm'],
  ['ohms', 'Ohm'],
  ['ω', 'Ohm'],
  ['f', 'F'],
  ['h', 'H'],
  ['s', 's'],
  ['sec', 's'],
  ['secs', 's'],
]);

interface Unit {
  readonly base: string;
  readonly exponent: number;
}

/**
 * What a value in `from` is to be multiplied with for its value in `to`: 0.001 from mV to V. 1 where the
 * units are the same, were it in another spelling, and where one of them is not said.
 * @returns undefined where one cannot be turned into the other: other dimensions, or units unknown here
 */
export function unitFactor(from: string | undefined, to: string | undefined): number | undefined {
  const [a, b] = [symbolOf(from), symbolOf(to)];
  if (a === '' || b === '' || a === b) return 1;
  const [unitA, unitB] = [parseUnit(a), parseUnit(b)];
  if (unitA === undefined || unitB === undefined) return a.toLowerCase() === b.toLowerCase() ? 1 : undefined;
  // Written out and not by Math.pow: 1e-3 is the double nearest to a thousandth, 10 ** -3 may not be.
  return unitA.base === unitB.base ? Number(`1e${unitA.exponent - unitB.exponent}`) : undefined;
}

/** One line without blanks around it; the micro and ohm signs of two code points are one. */
function symbolOf(unit: string | undefined): string {
  const text = (unit ?? '').replace(/[\p{Cc}\s]+/gu, ' ').trim();
  // In Latin-1 the UTF-8 of a micro sign is two characters.
  return text
    .replace(/Â?[µμ]/g, 'u')
    .replace(/Î¼/g, 'u')
    .replace(/\u2126/g, 'Ω');
}

function parseUnit(symbol: string): Unit | undefined {
  const whole = BASES.get(symbol.toLowerCase());
  // A lone letter that is a prefix too ("f") is the unit; so is "pa" of testers that write "a" for ampere.
  if (whole !== undefined) return { base: whole, exponent: 0 };
  const exponent = PREFIXES.get(symbol.slice(0, 1));
  const base = BASES.get(symbol.slice(1).toLowerCase());
  return exponent === undefined || base === undefined ? undefined : { base, exponent };
}
