/** How the values of a datatype stand in bytes, little-endian, and which of them are its. */
interface Datatype {
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number | bigint;
  /** Of whole numbers the least and the largest; undefined for floating point. */
  readonly whole?: { readonly from: number; readonly to: number };
}

/** The datatypes of the protocol that hold numbers which float32 may hold as well. */
export const DATATYPES = {
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  FP16: { bytes: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => fromBits(view.getUint16(at, true) * 0x1_0000) },
  BOOL: { bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1), whole: { from: 0, to: 1 } },
  INT8: { bytes: 1, read: (view, at) => view.getInt8(at), whole: { from: -128, to: 127 } },
  INT16: { bytes: 2, read: (view, at) => view.getInt16(at, true), whole: { from: -0x8000, to: 0x7fff } },
  INT32: {
    bytes: 4,
    read: (view, at) => view.getInt32(at, true),
    whole: { from: -0x8000_0000, to: 0x7fff_ffff },
  },
  INT64: {
    bytes: 8,
    read: (view, at) => view.getBigInt64(at, true),
    whole: { from: -(2 ** 63), to: 2 ** 63 },
  },
  UINT8: { bytes: 1, read: (view, at) => view.getUint8(at), whole: { from: 0, to: 0xff } },
  UINT16: { bytes: 2, read: (view, at) => view.getUint16(at, true), whole: { from: 0, to: 0xffff } },
  UINT32: { bytes: 4, read: (view, at) => view.getUint32(at, true), whole: { from: 0, to: 0xffff_ffff } },
  UINT64: {
    bytes: 8,
    read: (view, at) => view.getBigUint64(at, true),
    whole: { from: 0, to: 2 ** 64 },
  },
} as const satisfies Record<string, Datatype>;

export type DatatypeName = keyof typeof DATATYPES;

/** Those that are sent for an input of any type of numbers; truths are for an input of truths. */
export const DATATYPE_NAMES = Object.keys(DATATYPES)
  .filter(isDatatype)
  .filter((name) => name !== 'BOOL');

/** Those of inputs and outputs: numbers, truths and texts. */
export const TENSOR_DATATYPES = [...DATATYPE_NAMES, 'BOOL', 'BYTES'] as const;

function isDatatype(name: string): name is DatatypeName {
  return Object.hasOwn(DATATYPES, name);
}

/** Whether a number is one of the datatype that float32 holds as it is; NaN stands for a missing value. */
export function isLossless(value: number | bigint, name: DatatypeName): boolean {
  if (typeof value === 'bigint') return BigInt(Math.fround(Number(value))) === value;
  const { whole }: Datatype = DATATYPES[name];
  if (whole !== undefined && !(Number.isInteger(value) && value >= whole.from && value <= whole.to))
    return false;
  return Object.is(Math.fround(value), value);
}

const bits = new DataView(new ArrayBuffer(4));

/** The float32 of 32 bits. */
function fromBits(pattern: number): number {
  bits.setUint32(0, pattern);
  return bits.getFloat32(0);
}

/** IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
