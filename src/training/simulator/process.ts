import { createRandom } from '../random.js';
import type { Product } from './product.js';
import { type DiePosition, RETICLE_COLUMNS, RETICLE_ROWS } from './wafer-map.js';

/**
 * Standard deviations of the parts that a hidden process factor is the sum of; their squares sum to
 * about 1 over the dies of many lots.
 */
const PARTS = {
  lot: 0.35,
  wafer: 0.45,
  /** Bowl: a multiple of 2r² - 1, whose mean over the disc is 0 and variance a third. */
  bowl: 0.6,
  /** Edge roll-off: a multiple of r⁶ - 1/4. */
  edge: 0.6,
  /** Gradient across the wafer; u and v have variance a quarter each. */
  tilt: 0.4,
  /** Position in the reticle's field: the mask is the product's, so the same on every wafer. */
  reticle: 0.25,
  die: 0.5,
} as const;

/** How far two testers disagree on one parameter, in its standard deviations. */
const TESTER_OFFSET = 0.12;

/** The hidden factors of the dies of one wafer. */
export interface WaferProcess {
  /** Value of each factor at a position, without the die's own part. */
  at(factor: number, position: DiePosition): number;
}

/** The process state of one wafer of a lot; the same names give the same state. */
export function createWaferProcess(lotName: string, waferName: string, factors: number): WaferProcess {
  const lot = createRandom(`${lotName} process`);
  const wafer = createRandom(`${waferName} process`);
  const reticle = createRandom('diegate reticle');
  const sites = RETICLE_COLUMNS * RETICLE_ROWS;
  const state = Array.from({ length: factors }, () => {
    const level = PARTS.lot * lot.normal() + PARTS.wafer * wafer.normal();
    // Patterns belong to the process tool (the lot) more than to the wafer.
    const bowl = PARTS.bowl * (0.8 * lot.normal() + 0.6 * wafer.normal());
    const edge = PARTS.edge * (0.8 * lot.normal() + 0.6 * wafer.normal());
    const tiltU = PARTS.tilt * wafer.normal();
    const tiltV = PARTS.tilt * wafer.normal();
    const field = Float64Array.from({ length: sites }, () => PARTS.reticle * reticle.normal());
    return { level, bowl, edge, tiltU, tiltV, field };
  });
  return {
    at(factor, { u, v, r2, reticleSite }) {
      const s = state[factor];
      if (s === undefined) throw new RangeError(`no process factor ${factor}`);
      const radial = s.bowl * (2 * r2 - 1) + s.edge * (r2 * r2 * r2 - 0.25);
      return s.level + radial + s.tiltU * u + s.tiltV * v + s.field[reticleSite];
    },
  };
}

/** float64 [parameters]: what one tester adds to each parameter, in its standard deviations. */
export function testerOffsets(equipmentId: string, product: Product): Float64Array {
  const random = createRandom(`diegate tester ${equipmentId}`);
  return Float64Array.from(product.parameters, () => TESTER_OFFSET * random.normal());
}

/** Standard deviation of a factor's part that every die has for itself. */
export const DIE_PART = PARTS.die;
