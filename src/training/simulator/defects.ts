import { createRandom, type Random } from '../random.js';
import type { DEFECT_MODES, DefectMode } from './catalogue.js';
import type { Product } from './product.js';
import type { DiePosition } from './wafer-map.js';

/** A defect on one die: the mode, and what it adds to each parameter in standard deviations. */
export interface DefectShift {
  readonly mode: DefectMode;
  /** float64 [parameters], added to the die. */
  readonly shift: Float64Array;
}

/** One event on a wafer: says whether it hits the die that is tested `order`th, and how. */
type Event = (position: DiePosition, order: number) => DefectShift | undefined;

/** How likely each mode's event is on a wafer at rate 1; for `random`, on a die. */
const CHANCES: Readonly<Record<(typeof DEFECT_MODES)[number], number>> = {
  'edge-ring': 0.2,
  centre: 0.15,
  scratch: 0.3,
  cluster: 0.35,
  random: 0.012,
  tester: 0.1,
};

/** Source-measure units of a tester; tests are spread over them by test number. */
const TESTER_UNITS = 8;

/** Draws the defect events of a wafer; of several that hit a die the first one counts. */
export function createDefects(
  waferName: string,
  product: Product,
  dies: number,
  across: number,
  rate: number,
): Event {
  const random = createRandom(`${waferName} defects`);
  const happens = (mode: keyof typeof CHANCES) => random.chance(Math.min(1, CHANCES[mode] * rate));
  const events: Event[] = [];
  if (happens('tester')) events.push(testerEvent(product, dies, random));
  if (happens('scratch')) events.push(scratchEvent(product, across, random));
  if (happens('cluster')) events.push(clusterEvent(product, random));
  if (happens('edge-ring')) events.push(edgeRingEvent(product, random));
  if (happens('centre')) events.push(centreEvent(product, random));
  events.push(randomEvent(product, Math.min(1, CHANCES.random * rate), random));
  return (position, order) => {
    for (const event of events) {
      const damage = event(position, order);
      if (damage !== undefined) return damage;
    }
    return undefined;
  };
}

/** Outer dies, worse towards the bevel; some escape. */
function edgeRingEvent(product: Product, random: Random): Event {
  const from = random.between(0.84, 0.93);
  const severity = random.between(2.5, 5);
  return ({ r2 }) => {
    const depth = (Math.sqrt(r2) - from) / (1 - from);
    if (depth <= 0 || !random.chance(0.75)) return undefined;
    return structural('edge-ring', product, severity * (0.5 + 0.5 * depth), random);
  };
}

/** A disc about the wafer's centre, worst in the middle. */
function centreEvent(product: Product, random: Random): Event {
  const radius = random.between(0.2, 0.4);
  const severity = random.between(2.5, 5);
  return ({ r2 }) => {
    const depth = 1 - Math.sqrt(r2) / radius;
    if (depth <= 0) return undefined;
    return structural('centre', product, severity * (0.5 + 0.5 * depth), random);
  };
}

/** Dies touched by a slightly bent line; narrow, so often a die wide. */
function scratchEvent(product: Product, across: number, random: Random): Event {
  const [startU, startV] = pointInDisc(random, 0.9);
  const [alongU, alongV] = direction(random);
  const length = random.between(0.4, 1.3);
  const bend = random.between(-0.3, 0.3);
  const halfWidth = 1 / across;
  const severity = random.between(3, 8);
  return ({ u, v }) => {
    const along = (u - startU) * alongU + (v - startV) * alongV;
    const aside = (v - startV) * alongU - (u - startU) * alongV;
    if (along < 0 || along > length) return undefined;
    const distance = Math.abs(aside - bend * along * (length - along));
    if (distance > halfWidth) return undefined;
    return structural('scratch', product, severity * random.between(0.5, 1), random);
  };
}

/** A round stain, dense in the middle. */
function clusterEvent(product: Product, random: Random): Event {
  const [centreU, centreV] = pointInDisc(random, 0.95);
  const radius = random.between(0.15, 0.35);
  const severity = random.between(3, 7);
  return ({ u, v }) => {
    const square = (u - centreU) * (u - centreU) + (v - centreV) * (v - centreV);
    const depth = 1 - square / (radius * radius);
    if (depth <= 0 || !random.chance(0.5 + 0.5 * depth)) return undefined;
    return structural('cluster', product, severity * (0.4 + 0.6 * depth), random);
  };
}

/** A particle anywhere: a few neighbouring structures of one group, grossly wrong. */
function randomEvent(product: Product, chance: number, random: Random): Event {
  return () => {
    if (!random.chance(chance)) return undefined;
    const shift = new Float64Array(product.parameters.length);
    const first = random.below(shift.length);
    const group = product.parameters[first]?.group;
    const count = 3 + random.below(10);
    const size = random.between(6, 15) * (random.chance(0.5) ? 1 : -1);
    for (let p = first; p < first + count && product.parameters[p]?.group === group; p++) {
      shift[p] = size * random.between(0.5, 1);
    }
    return { mode: 'random', shift };
  };
}

/** From some die on, one unit of the tester reads with an offset and noise, until it is noticed. */
function testerEvent(product: Product, dies: number, random: Random): Event {
  const start = random.below(dies);
  const end = start + Math.ceil(dies * random.between(0.1, 0.5));
  const unit = random.below(TESTER_UNITS);
  const offset = random.between(1.5, 4) * (random.chance(0.5) ? 1 : -1);
  const noise = random.between(0.3, 1);
  return (_position, order) => {
    if (order < start || order >= end) return undefined;
    const shift = Float64Array.from(product.parameters, ({ testNumber }) =>
      testNumber % TESTER_UNITS === unit ? offset + noise * random.normal() : 0,
    );
    return { mode: 'tester', shift };
  };
}

function structural(
  mode: keyof Product['damage'],
  product: Product,
  severity: number,
  random: Random,
): DefectShift {
  // No two damaged structures suffer alike.
  const shift = Float64Array.from(product.damage[mode], (sensitivity) =>
    sensitivity === 0 ? 0 : sensitivity * severity * random.between(0.6, 1.4),
  );
  return { mode, shift };
}

function pointInDisc(random: Random, radius: number): readonly [number, number] {
  for (;;) {
    const u = random.between(-1, 1);
    const v = random.between(-1, 1);
    if (u * u + v * v <= 1) return [u * radius, v * radius];
  }
}

/** A unit vector without sine and cosine. */
function direction(random: Random): readonly [number, number] {
  for (;;) {
    const u = random.between(-1, 1);
    const v = random.between(-1, 1);
    const square = u * u + v * v;
    if (square <= 1 && square > 1e-6) return [u / Math.sqrt(square), v / Math.sqrt(square)];
  }
}
