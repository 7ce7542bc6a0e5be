import { Fault } from '../errors.js';
import { hash32 } from './random.js';

/** More than this share beyond what was asked for is not held before what is too much is given up. */
const SLACK = 0.25;

/** Something that is drawn whole or not at all: a wafer, or a die where there are no wafers. */
interface Unit {
  readonly name: string;
  readonly hash: number;
  dies: number;
}

/**
 * A sample of dies by whole wafers, drawn while they are read: those whose names come first by their hashes, as many as hold at most
 * so many dies. The same files give the same sample, in whatever order they are read, and memory is that of the sample and a quarter more.
 */
export class DieSample {
  readonly #most: number;
  readonly #units = new Map<string, Unit>();
  #dies = 0;
  #seen = 0;
  /** The first unit, by hash, that was too many: neither it nor any behind it is taken. */
  #bound: Unit | undefined;

  /** @param most dies, at least 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many dies have been offered. */
  get seen(): number {
    return this.#seen;
  }

  /** @returns whether the die is taken, for now: its unit may be given up later */
  take(name: string): boolean {
    this.#seen++;
    const unit = this.#units.get(name) ?? { name, hash: hash32(`sample ${name}`), dies: 0 };
    if (this.#bound !== undefined && compareUnits(unit, this.#bound) >= 0) return false;
    this.#units.set(name, unit);
    unit.dies++;
    this.#dies++;
    return true;
  }

  /** Whether enough is too much for {@link giveUp} to be worth its while. */
  get isOverfull(): boolean {
    return this.#dies > this.#most * (1 + SLACK);
  }

  /** Gives up what is too much. @returns the names of all units that are left */
  giveUp(): ReadonlySet<string> {
    let dies = 0;
    for (const unit of [...this.#units.values()].sort(compareUnits)) {
      dies += unit.dies;
      if (dies > this.#most && (this.#bound === undefined || compareUnits(unit, this.#bound) < 0))
        this.#bound = unit;
      if (this.#bound === undefined || compareUnits(unit, this.#bound) < 0) continue;
      this.#units.delete(unit.name);
      this.#dies -= unit.dies;
    }
    return new Set(this.#units.keys());
  }
}

function compareUnits(a: Unit, b: Unit): number {
  return a.hash - b.hash || (a.name < b.name ? -1 : Number(a.name > b.name));
}

/** Not one wafer has so few dies. */
export function sampleTooSmall(sample: number | undefined): Fault {
  return new Fault('invalid_usage', [
    `--sample: found ${sample}, expected at least as many dies as the first wafer that is drawn has: wafers are drawn whole`,
  ]);
}
