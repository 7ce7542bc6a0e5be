import { Fault } from '../errors.js';

/** Collects what is wrong with a command's options, so that all of it is told at once. */
interface OptionReader {
  /** A whole number within bounds. */
  wholeNumber(name: string, text: string, min: number, max: number): number;
  /** A number within bounds. */
  number(name: string, text: string, min: number, max: number): number;
  /** Two whole numbers within bounds, `from..to`; either may be negative. */
  range(name: string, text: string, min: number, max: number): { readonly from: number; readonly to: number };
  /** Throws all problems found so far. */
  finish(): void;
}

export function createOptionReader(): OptionReader {
  const problems: string[] = [];
  const read = (name: string, text: string, min: number, max: number, form: RegExp, kind: string) => {
    const value = form.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      problems.push(`${name}: found "${text}", expected ${kind} from ${min} to ${max}`);
    }
    return value;
  };
  return {
    wholeNumber: (name, text, min, max) => read(name, text, min, max, /^\d{1,15}$/, 'a whole number'),
    number: (name, text, min, max) => read(name, text, min, max, /^\d{0,15}(?:\.\d{0,15})?$/, 'a number'),
    range(name, text, min, max) {
      const [, first, last] = /^(-?\d{1,15})\.\.(-?\d{1,15})$/.exec(text) ?? [];
      const [from, to] = [Number(first), Number(last)];
      if (!(min <= from && from <= to && to <= max)) {
        problems.push(`${name}: found "${text}", expected a range from..to within ${min}..${max}`);
      }
      return { from, to };
    },
    finish: () => {
      if (problems.length > 0) throw new Fault('invalid_usage', problems);
    },
  };
}
