import type { replaces } from './flags.js';

/** What names a die: its place on its wafer, and its id. */
export interface DieIdentity {
  readonly waferKey: string;
  readonly x: number | undefined;
  readonly y: number | undefined;
  readonly partId: string | undefined;
}

export interface Touch {
  /** 1 for the first part of the die. */
  readonly touchdown: number;
  readonly replaces: number | undefined;
}

/** Remembers which part tested a die last. Memory grows with the dies of the file, not with its results. */
export interface DieHistory {
  /** Notes that the part `index` tested this die; `flag` is what PART_FLG says of a retest. */
  touch(index: number, die: DieIdentity, flag: ReturnType<typeof replaces>): Touch;
}

interface WaferDies {
  readonly byPosition: Map<number, number>;
  readonly byPartId: Map<string, number>;
}

/**
 * A die is (wafer, x, y) where both are valid, else (wafer, PART_ID), which is often just a running
 * number. A flag overrules: bit 0 means the same PART_ID, bit 1 the same place.
 */
export function createDieHistory(): DieHistory {
  const wafers = new Map<string, WaferDies>();
  /** Touchdowns of parts that are not their die's first. */
  const touchdowns = new Map<number, number>();

  function diesOf(waferKey: string): WaferDies {
    let dies = wafers.get(waferKey);
    if (dies === undefined) {
      dies = { byPosition: new Map(), byPartId: new Map() };
      wafers.set(waferKey, dies);
    }
    return dies;
  }

  return {
    touch(index, { waferKey, x, y, partId }, flag) {
      const { byPosition, byPartId } = diesOf(waferKey);
      const position = x === undefined || y === undefined ? undefined : x * 65536 + y;
      const atPosition = position === undefined ? undefined : byPosition.get(position);
      const withId = partId === undefined ? undefined : byPartId.get(partId);
      const earlier = flag === 'part_id' || position === undefined ? withId : atPosition;
      if (position !== undefined) byPosition.set(position, index);
      if (partId !== undefined) byPartId.set(partId, index);
      if (earlier === undefined) return { touchdown: 1, replaces: undefined };
      const touchdown = (touchdowns.get(earlier) ?? 1) + 1;
      touchdowns.set(index, touchdown);
      return { touchdown, replaces: earlier };
    },
  };
}
