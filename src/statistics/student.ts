/**
 * P(T > t) of Student's t with a whole number of degrees of freedom, t of 0 or more: the finite sums of
 * Abramowitz and Stegun 26.7.3 and 26.7.4. Of a tail below 1e-10 the last digits are lost to a difference.
 */
export function studentUpperTail(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const sine = Math.sin(angle);
  const cosine = Math.cos(angle);
  const odd = freedom % 2;
  let term = odd === 1 ? cosine : 1;
  let sum = 0;
  for (let k = odd; k <= freedom - 2; k += 2) {
    sum += term;
    term *= (cosine * cosine * (k + 1)) / (k + 2);
  }
  const within = odd === 1 ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  // Far out the sum may pass 1 by a rounding.
  return Math.max(0, (1 - within) / 2);
}

/** The t that Student's T exceeds with probability `tail`, for `tail` above 0 and up to 0.5: by bisection. */
export function studentUpperQuantile(tail: number, freedom: number): number {
  let low = 0;
  let high = 2;
  while (studentUpperTail(high, freedom) > tail) high *= 2;
  // Each halving is a bit: 60 are more than a double of this size tells apart.
  for (let bit = 0; bit < 60; bit++) {
    const middle = (low + high) / 2;
    if (studentUpperTail(middle, freedom) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
