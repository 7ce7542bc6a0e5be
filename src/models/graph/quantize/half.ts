/** Largest magnitude of float16 (IEEE 754 binary16). */
export const LARGEST_HALF = 65_504;

const bits = new DataView(new ArrayBuffer(4));

/** The float16 bits nearest to a number of at most that magnitude, a half to the even one. */
export function halfBits(value: number): number {
  bits.setFloat32(0, value);
  const pattern = bits.getUint32(0);
  const sign = (pattern >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  // Below 2^-14 all values are multiples of 2^-24.
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24);
  const exponent = ((pattern >>> 23) & 0xff) - 127;
  const fraction = roundToEven((magnitude / 2 ** exponent - 1) * 1024);
  // A fraction that is rounded up to 1024 carries into the exponent, as it should.
  return sign | (((exponent + 15) << 10) + fraction);
}

/** As IEEE 754 rounds: a half to the even number. */
export function roundToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
