import type { Display } from '../stdf/stdf.js';
import { numberText, printable } from '../wafermap/text.js';
import { readPrintfFormat } from './printf-format.js';

/** How the values of a test are shown to a person; stored they are in the base unit. */
export interface ShownForm {
  /** Shown is stored times 10 to this. */
  readonly scale: number;
  /** With its prefix, such as `uA`; '' where the file names none. */
  readonly unit: string;
  /** Digits behind the point that are always shown. */
  readonly decimals: number;
}

/** Of a test whose file says nothing. */
export const PLAIN_FORM: ShownForm = { scale: 0, unit: '', decimals: 0 };

/** RES_SCAL and the prefix that it stands for (stdf-v4.md section 6); a scale of 2 is percent. */
const PREFIXES: ReadonlyMap<number, string> = new Map([
  [15, 'f'],
  [12, 'p'],
  [9, 'n'],
  [6, 'u'],
  [3, 'm'],
  [2, '%'],
  [0, ''],
  [-3, 'k'],
  [-6, 'M'],
  [-9, 'G'],
  [-12, 'T'],
]);

/** Old testers write their units in small letters: an ampere is no `a`. */
const SI_UNITS = ['A', 'V', 'W', 'Hz', 'F', 'H', 's', 'Ohm', '\u03a9', 'C'];
/** What is taken for its SI unit whatever its letters' case. */
const ANY_CASE: ReadonlyMap<string, string> = new Map(['A', 'V', 'W', 'Hz'].map((u) => [u.toLowerCase(), u]));
const LONGEST_UNIT = 24;

/** The form in which the tester shows a test's results; limits are shown in it too, as they are compared with them. */
export function shownFormOf({ units, resultScale, loScale, hiScale, resultFormat }: Display): ShownForm {
  const format = readPrintfFormat(resultFormat);
  const scales = [resultScale, loScale, hiScale];
  const base = siUnit(units);
  // A file that scales only its limits shows its results the same way, or nobody could compare them.
  const scale = scales.find((each) => each !== 0 && PREFIXES.has(each)) ?? 0;
  const scaled = isPrefixed(base) ? 0 : scale;
  const unit = unitOf(base, PREFIXES.get(scaled) ?? '');
  return {
    scale: scaled,
    unit: printable(suffixUnit(format?.suffix ?? '', base, unit)).slice(0, LONGEST_UNIT),
    decimals: format?.decimals ?? 0,
  };
}

/** Numbers in the form's unit, without it, so precise that no two values that differ look the same. */
export function shownNumbers<T extends number | undefined>(
  values: readonly T[],
  form: ShownForm,
): (T extends number ? string : string | undefined)[] {
  const scaled = values.map((value) => (value === undefined ? undefined : scaledBy(value, form.scale)));
  const digits = digitsToTellApart(scaled.filter((value) => value !== undefined));
  const texts = scaled.map((value) => (value === undefined ? undefined : textOf(value, digits, form)));
  return texts as (T extends number ? string : string | undefined)[];
}

/** `18.87 uA`. */
export function shownValue(value: number, form: ShownForm): string {
  return withUnit(shownNumbers([value], form)[0] ?? '', form);
}

/** A number of `shownNumbers` with its unit. */
export function withUnit(number: string, { unit }: ShownForm): string {
  return unit === '' ? number : `${number} ${unit}`;
}

function siUnit(units: string): string {
  const unit = units.trim();
  return ANY_CASE.get(unit.toLowerCase()) ?? unit;
}

/** `mV`, `uA`: values that a program stores in a scaled unit are not to be scaled again. */
function isPrefixed(unit: string): boolean {
  const [prefix, rest] = [unit.slice(0, 1), unit.slice(1)];
  return /[fpnum\u00b5kKMGT]/.test(prefix) && SI_UNITS.includes(rest);
}

function unitOf(base: string, prefix: string): string {
  return prefix === '%' && base === '%' ? '%' : prefix + base;
}

/** The unit of the format, where it is not the same in other letters or the unscaled one. */
function suffixUnit(suffix: string, base: string, unit: string): string {
  const known = [base, unit].some((each) => each.toLowerCase() === suffix.toLowerCase());
  return suffix === '' || known ? unit : suffix;
}

/** A product with a power of ten has digits that nobody measured; a quotient by an exact one has the fewest. */
function scaledBy(value: number, scale: number): number {
  return scale >= 0 ? value * 10 ** scale : value / 10 ** -scale;
}

const LEAST_DIGITS = 4;
/** What tells any two float32 apart. */
const MOST_DIGITS = 9;

function digitsToTellApart(values: readonly number[]): number {
  const apart = new Set(values.map(Math.fround)).size;
  for (let digits = LEAST_DIGITS; digits < MOST_DIGITS; digits++) {
    if (new Set(values.map((value) => value.toPrecision(digits))).size >= apart) return digits;
  }
  return MOST_DIGITS;
}

const LARGEST_PLAIN = 1e9;
const SMALLEST_PLAIN = 1e-4;

function textOf(value: number, digits: number, { decimals }: ShownForm): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= LARGEST_PLAIN || size < SMALLEST_PLAIN)) return numberText(value, digits);
  const needed = size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = value.toFixed(Math.min(20, Math.max(decimals, needed)));
  return trimmed(text, decimals);
}

/** Without zeros at the end beyond those that the format shows. */
function trimmed(text: string, decimals: number): string {
  const point = text.indexOf('.');
  if (point < 0) return text;
  let end = text.length;
  while (end > point + 1 + decimals && text[end - 1] === '0') end--;
  return end === point + 1 ? text.slice(0, point) : text.slice(0, end);
}
