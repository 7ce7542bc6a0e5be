/** Where a die lies on its wafer. */
export interface DiePosition {
  /** Column and row, from 1. */
  readonly x: number;
  readonly y: number;
  /** Centre of the die relative to the wafer's centre; the wafer's usable edge is at radius 1. */
  readonly u: number;
  readonly v: number;
  /** Squared radius, 0 to 1. */
  readonly r2: number;
  /** Which die of the reticle's field this is, from 0. */
  readonly reticleSite: number;
}

/** One exposure of the reticle prints this many dies. */
export const RETICLE_COLUMNS = 2;
export const RETICLE_ROWS = 3;

/** Positions of the dies of a round wafer `across` dies wide, in the prober's serpentine order. */
export function diePositions(across: number): readonly DiePosition[] {
  const positions: DiePosition[] = [];
  for (let y = 1; y <= across; y++) {
    for (let i = 1; i <= across; i++) {
      const x = y % 2 === 1 ? i : across + 1 - i;
      const u = (2 * x - across - 1) / across;
      const v = (2 * y - across - 1) / across;
      const r2 = u * u + v * v;
      if (r2 > 1) continue;
      const reticleSite = (x % RETICLE_COLUMNS) + RETICLE_COLUMNS * (y % RETICLE_ROWS);
      positions.push({ x, y, u, v, r2, reticleSite });
    }
  }
  return positions;
}
