/**
 * The data types of STDF V4 (stdf-v4.md section 2) and what each becomes in TypeScript. The codes
 * are the standard's: `U2`, `Cn`, `R4`. An array is written `U2[INDX_CNT]`: as many U2 as the
 * earlier field INDX_CNT of the same record says (the standard's kxU2).
 */

/** A Dn field: `count` bits in `bytes`, bit 0 of the first byte first. Spare high bits are kept as read. */
export interface Bits {
  /** Number of bits, 0 to 65,535; `bytes` has exactly ceil(count / 8) bytes. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** One Vn field of a GDR: the value with the type that the file gives it. `pad` carries nothing. */
export type GenericValue =
  | { readonly code: 'pad' }
  | { readonly code: 'U1' | 'U2' | 'U4' | 'I1' | 'I2' | 'I4' | 'R4' | 'R8' | 'N1'; readonly value: number }
  | { readonly code: 'Cn'; readonly value: string }
  | { readonly code: 'Bn'; readonly value: Uint8Array }
  | { readonly code: 'Dn'; readonly value: Bits };

/** What a value of each code is in a record. Text is Latin-1: one character for each byte. */
interface Values {
  U1: number;
  U2: number;
  U4: number;
  I1: number;
  I2: number;
  I4: number;
  /** The exact value of the file's float32. */
  R4: number;
  R8: number;
  /** One character. */
  C1: string;
  /** At most 255 characters. */
  Cn: string;
  /** Eight flag bits, 0 to 255. */
  B1: number;
  /** At most 255 bytes. */
  Bn: Uint8Array;
  Dn: Bits;
  /** A nibble, 0 to 15; in arrays two to a byte, the low one first. */
  N1: number;
  Vn: GenericValue;
}

export type ScalarCode = keyof Values;
export type FieldCode = ScalarCode | `${ScalarCode}[${string}]`;

/** The TypeScript type of a field, from its code. */
export type ValueOf<Code> = Code extends `${infer Element}[${string}]`
  ? Element extends ScalarCode
    ? readonly Values[Element][]
    : never
  : Code extends ScalarCode
    ? Values[Code]
    : never;

/** Type codes of the values of a GDR (stdf-v4.md section 4), by their number in the file. */
export const GENERIC_CODES = new Map<number, GenericValue['code']>([
  [0, 'pad'],
  [1, 'U1'],
  [2, 'U2'],
  [3, 'U4'],
  [4, 'I1'],
  [5, 'I2'],
  [6, 'I4'],
  [7, 'R4'],
  [8, 'R8'],
  [10, 'Cn'],
  [11, 'Bn'],
  [12, 'Dn'],
  [13, 'N1'],
]);

/** Fewest and most bytes that one value of each code takes. */
export const SIZES: Readonly<Record<ScalarCode, { readonly min: number; readonly max: number }>> = {
  U1: { min: 1, max: 1 },
  U2: { min: 2, max: 2 },
  U4: { min: 4, max: 4 },
  I1: { min: 1, max: 1 },
  I2: { min: 2, max: 2 },
  I4: { min: 4, max: 4 },
  R4: { min: 4, max: 4 },
  R8: { min: 8, max: 8 },
  C1: { min: 1, max: 1 },
  Cn: { min: 1, max: 256 },
  B1: { min: 1, max: 1 },
  Bn: { min: 1, max: 256 },
  Dn: { min: 2, max: 2 + 8192 },
  N1: { min: 1, max: 1 },
  Vn: { min: 1, max: 1 + 2 + 8192 },
};

/** `HARD_BIN` as a property name: `hardBin`. */
export type Camel<Name extends string> = Name extends `${infer Head}_${infer Rest}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Rest>>}`
  : Lowercase<Name>;

/** The property name of a field of the standard: `HARD_BIN` is `hardBin`, `C_RESFMT` is `cResfmt`. */
export function camel(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
