import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rangesOf } from '../../../../src/models/graph/quantize/activation-ranges.js';
import { halfBits, LARGEST_HALF } from '../../../../src/models/graph/quantize/half.js';
import { activationScale, wholeBias, wholeWeights } from '../../../../src/models/graph/quantize/int8.js';

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

describe('activations in 8 bits', () => {
  test('a value within the range is kept to half a step, and 0 exactly', () => {
    fc.assert(
      fc.property(finite, finite, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, share) => {
        const [minimum, maximum] = [Math.min(0, a, b), Math.max(0, a, b)];
        const { scale, zero } = activationScale({ minimum, maximum });
        const value = minimum + share * (maximum - minimum);
        const whole = Math.min(255, Math.max(0, Math.round(value / scale) + zero));
        expect(Number.isInteger(zero) && zero >= 0 && zero <= 255).toBe(true);
        // One end may lose the half step by which the zero was rounded.
        expect(Math.abs((whole - zero) * scale - value)).toBeLessThanOrEqual(scale * 1.01);
        expect((zero - zero) * scale).toBe(0);
      }),
    );
  });

  test('what is never below 0 has its zero at 0, which makes a ReLU before it superfluous', () => {
    expect(activationScale({ minimum: 0, maximum: 25.5 })).toEqual({ scale: Math.fround(0.1), zero: 0 });
    expect(activationScale({ minimum: 0, maximum: 0 })).toEqual({ scale: 1, zero: 0 });
  });

  test('a percentile cuts off the dies at both ends', () => {
    const dies = Float32Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? -i : i));
    expect(rangesOf(dies, 1, 100)).toEqual([{ minimum: -198, maximum: 199 }]);
    expect(rangesOf(dies, 1, 98)).toEqual([{ minimum: -194, maximum: 195 }]);
    expect(rangesOf(Float32Array.of(Number.NaN, Number.NaN, 1, 2), 1, 100)).toEqual([
      { minimum: 1, maximum: 2 },
    ]);
  });
});

describe('weights in 8 bits', () => {
  test('each is kept to half a step of its own channel, within seven bits', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 6, maxLength: 6 }), (values) => {
        const weights = Float32Array.from(values);
        const { values: whole, scales } = wholeWeights(weights, 2, (at) => at % 2);
        weights.forEach((weight, i) => {
          const scale = scales[i % 2] ?? 0;
          expect(Math.abs(whole[i] ?? 0)).toBeLessThanOrEqual(63);
          expect(Math.abs((whole[i] ?? 0) * scale - weight)).toBeLessThanOrEqual(scale * 0.5001);
        });
      }),
    );
  });

  test('no pair of products leaves 16 bits, so that processors without VNNI count the same', () => {
    expect(2 * 255 * 63).toBeLessThan(2 ** 15);
  });

  test('a channel of nothing but zeros has a scale all the same', () => {
    expect(wholeWeights(new Float32Array(2), 2, (at) => at).scales).toEqual(Float32Array.of(1, 1));
  });

  test('a bias is counted in the steps of the sums that it is added to', () => {
    const { values, scales } = wholeBias(
      Float32Array.of(1, -2),
      { scale: 0.5, zero: 3 },
      Float32Array.of(0.25, 1),
    );
    expect([...scales]).toEqual([0.125, 0.5]);
    expect([...values]).toEqual([8, -4]);
  });
});

/** What IEEE 754 says of 16 bits. */
function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

describe('float16', () => {
  test('every one of its values is itself', () => {
    for (let bits = 0; bits < 0x7c00; bits++) expect(halfBits(fromHalf(bits))).toBe(bits);
  });

  test('any number becomes the nearest, a half the even one', () => {
    fc.assert(
      fc.property(fc.double({ min: -LARGEST_HALF, max: LARGEST_HALF, noNaN: true }), (number) => {
        const value = Math.fround(number);
        const bits = halfBits(value);
        const error = Math.abs(fromHalf(bits) - value);
        const neighbours = [bits - 1, bits + 1].filter((one) => (one & 0x7fff) < 0x7c00 && one >= 0);
        for (const one of neighbours) expect(error).toBeLessThanOrEqual(Math.abs(fromHalf(one) - value));
      }),
    );
    expect(halfBits(1 + 2 ** -11)).toBe(halfBits(1));
    expect(halfBits(1 + 3 * 2 ** -11)).toBe(halfBits(1 + 2 ** -9));
    expect(halfBits(-0)).toBe(0x8000);
  });
});
