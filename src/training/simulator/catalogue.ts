/**
 * The simulated product's test plan and process, as tables: what is measured, which hidden process
 * factors move it, and what each defect mode damages. Magnitudes are typical of a mature CMOS node;
 * none is taken from a real product.
 */

/** A block of like test parameters, in base SI units. */
export interface ParameterGroup {
  /** Prefix of the parameter names and key of the tables below. */
  readonly key: string;
  readonly what: string;
  readonly count: number;
  readonly unit: string;
  readonly nominal: number;
  /** One standard deviation over good dies, relative to the nominal (of the logarithm if lognormal). */
  readonly spread: number;
  readonly shape: 'normal' | 'lognormal';
}

/** 512 parameters in test order. */
// biome-ignore format: a table reads best as a table
export const PARAMETER_GROUPS: readonly ParameterGroup[] = [
  { key: 'VTN', what: 'NMOS threshold voltage', count: 40, unit: 'V', nominal: 0.42, spread: 0.035, shape: 'normal' },
  { key: 'VTP', what: 'PMOS threshold voltage', count: 40, unit: 'V', nominal: -0.39, spread: 0.038, shape: 'normal' },
  { key: 'IDN', what: 'NMOS saturation current', count: 40, unit: 'A', nominal: 5.6e-4, spread: 0.05, shape: 'normal' },
  { key: 'IDP', what: 'PMOS saturation current', count: 40, unit: 'A', nominal: 2.7e-4, spread: 0.05, shape: 'normal' },
  { key: 'IOFFN', what: 'NMOS off-state leakage', count: 32, unit: 'A', nominal: 2.2e-11, spread: 0.25, shape: 'lognormal' },
  { key: 'IOFFP', what: 'PMOS off-state leakage', count: 32, unit: 'A', nominal: 1.6e-11, spread: 0.25, shape: 'lognormal' },
  { key: 'IGATE', what: 'gate leakage', count: 24, unit: 'A', nominal: 4.8e-12, spread: 0.22, shape: 'lognormal' },
  { key: 'BVJ', what: 'junction breakdown voltage', count: 24, unit: 'V', nominal: 6.4, spread: 0.02, shape: 'normal' },
  { key: 'RSH', what: 'sheet resistance', count: 40, unit: 'Ohm', nominal: 118, spread: 0.04, shape: 'normal' },
  { key: 'RCON', what: 'contact chain resistance', count: 40, unit: 'Ohm', nominal: 2450, spread: 0.05, shape: 'normal' },
  { key: 'RVIA', what: 'via chain resistance', count: 36, unit: 'Ohm', nominal: 1320, spread: 0.05, shape: 'normal' },
  { key: 'RMET', what: 'metal line resistance', count: 36, unit: 'Ohm', nominal: 74, spread: 0.04, shape: 'normal' },
  { key: 'CMET', what: 'metal comb capacitance', count: 32, unit: 'F', nominal: 3.1e-13, spread: 0.03, shape: 'normal' },
  { key: 'COX', what: 'gate oxide capacitance', count: 16, unit: 'F', nominal: 1.24e-12, spread: 0.02, shape: 'normal' },
  { key: 'FRO', what: 'ring oscillator frequency', count: 32, unit: 'Hz', nominal: 1.28e8, spread: 0.045, shape: 'normal' },
  { key: 'IDDQ', what: 'quiescent supply current', count: 8, unit: 'A', nominal: 3.4e-6, spread: 0.2, shape: 'lognormal' },
];

/** Loading of each parameter group on one hidden process factor; groups left out do not move. */
interface ProcessFactor {
  readonly name: string;
  readonly loadings: Readonly<Record<string, number>>;
}

/** Units: group standard deviations per standard deviation of the factor, before normalising. */
// biome-ignore format: a table reads best as a table
export const PROCESS_FACTORS: readonly ProcessFactor[] = [
  { name: 'gate length', loadings: { VTN: 0.5, VTP: -0.5, IDN: -0.6, IDP: -0.6, IOFFN: -0.7, IOFFP: -0.7, FRO: -0.7, BVJ: 0.2, IDDQ: -0.6 } },
  { name: 'gate oxide thickness', loadings: { VTN: 0.4, VTP: -0.4, IDN: -0.4, IDP: -0.4, IGATE: -0.8, COX: -0.9, FRO: -0.2 } },
  { name: 'NMOS channel implant', loadings: { VTN: 0.7, IDN: -0.5, IOFFN: -0.6, FRO: -0.2, IDDQ: -0.3 } },
  { name: 'PMOS channel implant', loadings: { VTP: -0.7, IDP: -0.5, IOFFP: -0.6, FRO: -0.2, IDDQ: -0.2 } },
  { name: 'NMOS halo implant', loadings: { VTN: 0.4, IOFFN: -0.5, BVJ: -0.5 } },
  { name: 'PMOS halo implant', loadings: { VTP: -0.4, IOFFP: -0.5, BVJ: -0.3 } },
  { name: 'electron mobility', loadings: { IDN: 0.6, FRO: 0.4 } },
  { name: 'hole mobility', loadings: { IDP: 0.6, FRO: 0.3 } },
  { name: 'source and drain anneal', loadings: { RSH: -0.6, RCON: -0.3, BVJ: 0.4, VTN: -0.2, VTP: 0.2 } },
  { name: 'well implant', loadings: { BVJ: -0.6, RSH: -0.4, VTN: 0.2 } },
  { name: 'silicide', loadings: { RSH: 0.7, RCON: 0.5 } },
  { name: 'poly etch', loadings: { RSH: 0.4, IGATE: 0.3, FRO: -0.2 } },
  { name: 'contact etch', loadings: { RCON: 0.8, IDN: -0.1, IDP: -0.1 } },
  { name: 'via etch', loadings: { RVIA: 0.8 } },
  { name: 'barrier deposition', loadings: { RVIA: 0.5, RCON: 0.3, RMET: 0.2 } },
  { name: 'metal 1 thickness', loadings: { RMET: -0.7, CMET: 0.4 } },
  { name: 'metal 2 thickness', loadings: { RMET: -0.5, CMET: 0.3, RVIA: -0.2 } },
  { name: 'metal polish', loadings: { RMET: 0.5, CMET: -0.5 } },
  { name: 'interlayer dielectric', loadings: { CMET: 0.8, FRO: -0.2 } },
  { name: 'lithography focus', loadings: { RMET: 0.3, CMET: 0.3, RVIA: 0.3, RCON: 0.3 } },
  { name: 'gate leakage background', loadings: { IGATE: 0.7, IDDQ: 0.4 } },
  { name: 'junction leakage background', loadings: { IOFFN: 0.4, IOFFP: 0.4, IDDQ: 0.5 } },
  { name: 'mechanical stress', loadings: { IDN: 0.3, IDP: -0.3, VTP: 0.2 } },
  { name: 'test temperature', loadings: { IOFFN: 0.3, IOFFP: 0.3, VTN: -0.2, VTP: 0.2, RMET: 0.2, FRO: -0.2, IDDQ: 0.3 } },
];

/** What goes wrong with a die, as a product engineer would name it. */
export const DEFECT_MODES = ['edge-ring', 'centre', 'scratch', 'cluster', 'random', 'tester'] as const;

/**
 * Faults that most tests do not show, on single dies: one parameter shifted by so many of its standard deviations, or five of one
 * group by two each. Nearly all of them are within all limits.
 */
export const SUBTLE_MODES = ['shift-3', 'shift-4', 'shift-6', 'shift-five'] as const;

type SubtleMode = (typeof SUBTLE_MODES)[number];

export type DefectMode = (typeof DEFECT_MODES)[number] | SubtleMode;

/** A defect mode that damages fixed structures: `share` of each group's parameters, in that direction. */
interface DamageProfile {
  readonly share: number;
  readonly directions: Readonly<Record<string, 1 | -1>>;
}

export const DAMAGE: Readonly<Record<'edge-ring' | 'centre' | 'scratch' | 'cluster', DamageProfile>> = {
  // Under-etched contacts and vias at the bevel, leaky junctions.
  'edge-ring': { share: 0.5, directions: { RCON: 1, RVIA: 1, IOFFN: 1, IOFFP: 1, COX: -1 } },
  // Implant or anneal hot spot: thresholds and sheet resistances together.
  centre: { share: 0.4, directions: { VTN: 1, VTP: -1, RSH: 1, IDN: -1, IDP: -1 } },
  // Mechanical damage to the upper layers: lines and vias narrowed, combs bridged.
  scratch: { share: 0.45, directions: { RMET: 1, RVIA: 1, RCON: 1, CMET: -1 } },
  // Contamination: leakage everywhere, early breakdown.
  cluster: { share: 0.6, directions: { IOFFN: 1, IOFFP: 1, IGATE: 1, IDDQ: 1, BVJ: -1 } },
};
