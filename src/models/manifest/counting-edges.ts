/**
 * Edges as values are compared with them: in float32, as values are. Where some coincide, one value holds
 * their mass: the first of them is moved to the next smaller float32, so that the value has a bin of its own.
 * @param edges ascending
 */
export function countingEdges(edges: readonly number[]): Float32Array {
  const counting = Float32Array.from(edges);
  const floats = Float32Array.from(edges);
  floats.forEach((value, i) => {
    if (value === floats[i + 1] && value !== floats[i - 1]) counting[i] = nextBelow(value);
  });
  return counting;
}

/** The greatest float32 below a finite one. */
function nextBelow(value: number): number {
  const float = Float32Array.of(value === 0 ? 0 : value);
  const bits = new Int32Array(float.buffer);
  if (float[0] === 0) return -1.401298464324817e-45;
  bits[0] = (bits[0] ?? 0) + ((float[0] ?? 0) > 0 ? -1 : 1);
  return float[0] ?? value;
}
