/** What a C_RESFMT asks for, as far as it says something of how a number is read. */
interface NumberFormat {
  /** Digits behind the point of an `%f`; undefined for other conversions and where it does not say. */
  readonly decimals: number | undefined;
  /** The text behind the number, with its unit: `ua` of `%5.0f ua`. '' where there is none. */
  readonly suffix: string;
}

/** More than a float has is noise; a format is untrusted, and could ask for a million. */
const MOST_DECIMALS = 9;
const LONGEST_FORMAT = 64;

const CONVERSION = /^((?:[^%]|%%)*)%[-+ #0]*(\d{0,3})(?:\.(\d{0,3}))?[hlL]?([fFeEgGdi])((?:[^%]|%%)*)$/;

/**
 * Reads a C format of one conversion: flags, width, precision, f, e, g or d, and text around it. Nothing is
 * executed, and the text is shown as text.
 * @returns undefined for anything else: no conversion, several, `%s`, `%n`, `*`
 */
export function readPrintfFormat(format: string): NumberFormat | undefined {
  const found = format.length > LONGEST_FORMAT ? null : CONVERSION.exec(format);
  if (found === null) return undefined;
  const [, , , precision, conversion, behind = ''] = found;
  const fixed = conversion === 'f' || conversion === 'F';
  return {
    decimals: fixed && precision !== undefined ? Math.min(MOST_DECIMALS, Number(precision || 0)) : undefined,
    suffix: behind.replaceAll('%%', '%').trim(),
  };
}
