import { createRandom, type Random } from '../random.js';
import type { DefectMode } from './catalogue.js';
import { DEFECT_MODES, SUBTLE_MODES } from './catalogue.js';
import { createDefects } from './defects.js';
import { createWaferProcess, DIE_PART, testerOffsets, type WaferProcess } from './process.js';
import { type Product, printedValue } from './product.js';
import { createSubtleFaults } from './subtle-faults.js';
import { type DiePosition, diePositions } from './wafer-map.js';

/** What is to be simulated. The same options give the same lots, bit for bit, on any machine. */
export interface SimulationOptions {
  readonly seed: number;
  readonly lots: number;
  readonly wafersPerLot: number;
  /** Dies along the wafer's diameter; 13 gives 137 dies a wafer. */
  readonly diesAcross: number;
  /** Multiplies how often defects happen; 0 makes lots without any. */
  readonly defectRate: number;
  /** Share of dies with a fault that most tests do not show; 0 if left out. */
  readonly subtleShare?: number | undefined;
}

export const DEFAULT_SIMULATION: SimulationOptions = {
  seed: 1,
  lots: 1,
  wafersPerLot: 25,
  diesAcross: 13,
  defectRate: 1,
};

export interface SimulatedDie {
  readonly dieId: string;
  /** Column and row on the wafer, from 1. */
  readonly x: number;
  readonly y: number;
  /** 1 for a good die, else 2. */
  readonly hardBin: number;
  /** 1 for a good die, else 11 and up by defect mode. */
  readonly softBin: number;
  readonly defect: DefectMode | undefined;
  /** float64 [parameters] as the tester prints them, in base SI units, in the product's order. */
  readonly measurement: Float64Array;
}

export interface SimulatedWafer {
  readonly waferId: string;
  /** Number in the lot, from 1. */
  readonly number: number;
  readonly equipmentId: string;
  /** In the order tested. */
  readonly dies: readonly SimulatedDie[];
}

export interface SimulatedLot {
  readonly lotId: string;
  /** Made one at a time while iterated, so that a lot of any size fits in memory. */
  readonly wafers: Iterable<SimulatedWafer>;
}

export const TESTERS: readonly string[] = ['T01', 'T02', 'T03', 'T04'];

/** The lots that the options describe, wafer by wafer. */
export function* simulateLots(product: Product, options: SimulationOptions): Generator<SimulatedLot> {
  for (let lot = 1; lot <= options.lots; lot++) {
    const lotId = `S${String(options.seed)}L${String(lot).padStart(2, '0')}`;
    yield { lotId, wafers: { [Symbol.iterator]: () => simulateWafers(product, options, lotId) } };
  }
}

function* simulateWafers(
  product: Product,
  options: SimulationOptions,
  lotId: string,
): Generator<SimulatedWafer> {
  const positions = diePositions(options.diesAcross);
  const lotName = `diegate lot ${lotId}`;
  for (let number = 1; number <= options.wafersPerLot; number++) {
    const waferId = `${lotId}-W${String(number).padStart(2, '0')}`;
    const waferName = `${lotName} wafer ${number}`;
    const random = createRandom(`${waferName} dies`);
    const equipmentId = TESTERS[random.below(TESTERS.length)] ?? TESTERS[0];
    const model = {
      product,
      process: createWaferProcess(lotName, waferName, product.factors),
      offsets: testerOffsets(equipmentId, product),
      random,
    };
    const defectAt = createDefects(
      waferName,
      product,
      positions.length,
      options.diesAcross,
      options.defectRate,
    );
    const subtleAt = createSubtleFaults(waferName, product, options.subtleShare ?? 0);
    const dies = positions.map((position, order): SimulatedDie => {
      const subtle = subtleAt();
      const damage = defectAt(position, order) ?? subtle;
      const measurement = measure(model, position, damage?.shift);
      const { x, y } = position;
      const dieId = `${waferId}-X${String(x).padStart(2, '0')}Y${String(y).padStart(2, '0')}`;
      return { dieId, x, y, ...binsOf(damage?.mode), defect: damage?.mode, measurement };
    });
    yield { waferId, number, equipmentId, dies };
  }
}

interface WaferModel {
  readonly product: Product;
  readonly process: WaferProcess;
  readonly offsets: Float64Array;
  readonly random: Random;
}

function measure(model: WaferModel, position: DiePosition, shift: Float64Array | undefined): Float64Array {
  const { product, process, offsets, random } = model;
  const factors = Float64Array.from(
    { length: product.factors },
    (_, f) => process.at(f, position) + DIE_PART * random.normal(),
  );
  return Float64Array.from(product.parameters, (parameter, p) => {
    let z = offsets[p] + (shift?.[p] ?? 0) + product.noise[p] * random.normal();
    for (let f = 0; f < factors.length; f++) {
      z += product.loadings[p * factors.length + f] * factors[f];
    }
    return printedValue(parameter, z);
  });
}

function binsOf(mode: DefectMode | undefined): { hardBin: number; softBin: number } {
  return mode === undefined ? { hardBin: 1, softBin: 1 } : { hardBin: 2, softBin: softBinOf(mode) };
}

/** 1 for good dies, 11 and up for the defect modes. */
export function softBinOf(mode: DefectMode | undefined): number {
  const modes: readonly DefectMode[] = [...DEFECT_MODES, ...SUBTLE_MODES];
  return mode === undefined ? 1 : 11 + modes.indexOf(mode);
}
