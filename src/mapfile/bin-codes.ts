import { largestBin, NO_DIE, UNTESTED } from './bin-map.js';

/** How the XML formats write bins; ASCII, whose letters name no bins, is not among them. */
type BinType = 'Decimal' | 'HexaDecimal' | 'Integer2';

/** A bin type: digits for a bin in its base, and the two codes that are no bins. */
interface Coding {
  readonly base: 10 | 16;
  readonly digits: number;
  /** NullBin: a place without a die. */
  readonly noDie: number;
  readonly untested: number;
  /** Between two codes of a row. */
  readonly separator: '' | ' ';
}

const CODINGS: Readonly<Record<BinType, Coding>> = {
  Decimal: { base: 10, digits: 3, noDie: 255, untested: 254, separator: ' ' },
  HexaDecimal: { base: 16, digits: 2, noDie: 0xff, untested: 0xfe, separator: '' },
  Integer2: { base: 16, digits: 4, noDie: 0xffff, untested: 0xfffe, separator: '' },
};

/** The largest bin that any of the types can write. */
export const LARGEST_XML_BIN = CODINGS.Integer2.untested - 1;

/** Writes and reads bins as text. */
export interface BinCodes {
  readonly type: BinType;
  readonly nullBin: string;
  /** The code of a bin or of UNTESTED. */
  code(bin: number): string;
  row(bins: Int32Array): string;
  /** Bins of a row, NO_DIE and UNTESTED among them; undefined where the text is no row of codes. */
  bins(row: string): number[] | undefined;
  /** A bin, NO_DIE or UNTESTED; undefined for text that is no code. */
  bin(code: string): number | undefined;
}

/** The short type where all bins have room in it, else Integer2. */
export function binCodesFor(bins: Int32Array, short: 'Decimal' | 'HexaDecimal'): BinCodes {
  return binCodes(largestBin(bins) < CODINGS[short].untested ? short : 'Integer2');
}

/** @param nullBin the file's own code for a place without a die; by default the type's largest */
export function binCodes(type: BinType, nullBin?: string): BinCodes {
  const { base, digits, noDie, untested, separator } = CODINGS[type];
  const digit = base === 10 ? '[0-9]' : '[0-9A-Fa-f]';
  const form = new RegExp(`^${digit}{1,${digits}}$`);
  const numberOf = (code: string) => (form.test(code) ? Number.parseInt(code, base) : undefined);
  const nowhere = (nullBin === undefined ? undefined : numberOf(nullBin.trim())) ?? noDie;
  const text = (value: number) => value.toString(base).toUpperCase().padStart(digits, '0');
  const code = (bin: number) => text(bin === NO_DIE ? nowhere : bin === UNTESTED ? untested : bin);
  const bin = (found: string) => {
    const value = numberOf(found);
    if (value === nowhere) return NO_DIE;
    return value === untested ? UNTESTED : value;
  };
  return {
    type,
    nullBin: text(nowhere),
    code,
    row: (bins) => Array.from(bins, code).join(separator),
    bin,
    bins(row) {
      const codes = codesOf(row.trim(), digits, separator);
      const found = codes?.map(bin);
      return found?.every((value) => value !== undefined) ? found : undefined;
    },
  };
}

/** Codes parted by blanks, or all of one width without any; files part codes of either kind by blanks. */
function codesOf(row: string, digits: number, separator: '' | ' '): string[] | undefined {
  if (row === '') return [];
  if (separator === ' ' || /\s/.test(row)) return row.split(/\s+/);
  return row.length % digits === 0 ? (row.match(new RegExp(`.{${digits}}`, 'gs')) ?? undefined) : undefined;
}

/** The type that a file names, whatever its case; undefined for one that is not read here. */
export function binTypeOf(name: string | undefined): BinType | undefined {
  const types: readonly BinType[] = ['Decimal', 'HexaDecimal', 'Integer2'];
  return types.find((type) => type.toLowerCase() === name?.trim().toLowerCase());
}
