/** The shortest decimal that is this number in float32: 0.1 and not 0.10000000149011612. */
export function shortDecimal(value: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
