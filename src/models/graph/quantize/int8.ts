import { roundToEven } from './half.js';

/**
 * How numbers become 8-bit whole numbers: real = scale × (whole - zero). Activations are uint8 with any zero, weights int8
 * around 0, of each channel by its own scale, as ONNX's QuantizeLinear and DequantizeLinear have them.
 */

/** Least and largest value that a tensor had over the dies that it was measured on. */
export interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** How an activation is stored. */
export interface ActivationScale {
  /** float32, above 0. */
  readonly scale: number;
  /** 0 to 255. */
  readonly zero: number;
}

/** A tensor of weights as whole numbers. */
interface WholeWeights {
  readonly values: Int8Array;
  /** float32 [channels]. */
  readonly scales: Float32Array;
}

/**
 * Weights use seven of the eight bits. Processors without VNNI add two products of uint8 × int8 in 16 bits, which holds
 * 255 × 64 × 2 and no more: with all eight bits a sum could saturate there and be another number than elsewhere.
 */
const MOST_WEIGHT = 63;
const MOST_ACTIVATION = 255;

/** A range always has 0 in it, so that 0 (of a padding, of a ReLU) is exact. */
export function activationScale({ minimum, maximum }: Range): ActivationScale {
  const [least, most] = [Math.min(0, minimum), Math.max(0, maximum)];
  const scale = Math.fround((most - least) / MOST_ACTIVATION);
  // Nothing but zeros, or values too small for a scale of float32's full precision.
  if (!(scale >= SMALLEST_NORMAL)) return { scale: 1, zero: 0 };
  return { scale, zero: Math.min(MOST_ACTIVATION, Math.max(0, Math.round(-least / scale))) };
}

const SMALLEST_NORMAL = 2 ** -126;

/**
 * Weights of float32 as whole numbers, each channel with the scale of its own largest magnitude.
 * @param channelOf the channel of a value by its place, 0 to `channels` - 1
 */
export function wholeWeights(
  weights: Float32Array,
  channels: number,
  channelOf: (at: number) => number,
): WholeWeights {
  const scales = new Float32Array(channels);
  for (let i = 0; i < weights.length; i++) {
    const channel = channelOf(i);
    scales[channel] = Math.max(scales[channel] ?? 0, Math.abs(weights[i] ?? 0));
  }
  for (let channel = 0; channel < channels; channel++) {
    const scale = Math.fround((scales[channel] ?? 0) / MOST_WEIGHT);
    scales[channel] = scale >= SMALLEST_NORMAL ? scale : 1;
  }
  const values = new Int8Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const whole = roundToEven((weights[i] ?? 0) / (scales[channelOf(i)] ?? 1));
    values[i] = Math.min(MOST_WEIGHT, Math.max(-MOST_WEIGHT, whole));
  }
  return { values, scales };
}

/** A bias in the steps of the sums that it is added to: int32 [channels], and the scales float32 [channels]. */
export function wholeBias(
  bias: Float32Array,
  input: ActivationScale,
  weightScales: Float32Array,
): { readonly values: Int32Array; readonly scales: Float32Array } {
  const scales = weightScales.map((scale) => Math.fround(scale * input.scale));
  const values = Int32Array.from(bias, (value, channel) => {
    const whole = roundToEven(value / (scales[channel] ?? 1));
    return Math.min(MOST_INT32, Math.max(-MOST_INT32, whole));
  });
  return { values, scales };
}

const MOST_INT32 = 2 ** 31 - 1;
