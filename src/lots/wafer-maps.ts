import type { Decision } from '../die/prediction.js';
import { known, type Lot, type Part } from '../stdf/stdf.js';
import type { FlatSide, MapDie, WaferMap } from '../wafermap/wafer-map.js';
import { sayPlaces } from './dies/positions.js';

/** A part of a lot and what a model said of it. */
export interface MappedPart {
  readonly part: Pick<Part, 'x' | 'y' | 'verdict' | 'hardBin' | 'softBin' | 'wafer'>;
  readonly dieId: string;
  readonly prediction: Decision | undefined;
  readonly score: number | undefined;
  readonly reasons: readonly string[];
}

/**
 * The wafers of one lot file in its order. Of several touchdowns of a die the last one counts, also
 * when only an earlier one was scored: the map shows what the die is shipped with. Parts without
 * coordinates are on none; where those of all parts say nothing, there is none.
 */
export function waferMapsOf(parts: readonly MappedPart[], lot: Lot, threshold: number): WaferMap[] {
  if (!sayPlaces(parts.map(({ part }) => part))) return [];
  const wafers = new Map<string, { waferId: string | undefined; places: Map<string, MapDie> }>();
  for (const { part, dieId, prediction, score, reasons } of parts) {
    const { x, y, verdict, hardBin, softBin, wafer } = part;
    if (x === undefined || y === undefined) continue;
    // A wafer that comes again under the same id is the same wafer.
    const key =
      wafer === undefined ? '' : wafer.waferId === undefined ? `#${wafer.index}` : `=${wafer.waferId}`;
    const map = wafers.get(key) ?? { waferId: wafer?.waferId, places: new Map<string, MapDie>() };
    wafers.set(key, map);
    const testerVerdict = verdict === 'none' ? undefined : verdict;
    const bins = { testerVerdict, hardBin, softBin };
    map.places.set(`${x},${y}`, { x, y, dieId, prediction, score, ...bins, reasons });
  }
  const orientation = orientationOf(lot);
  return [...wafers.values()].map(({ waferId, places }) => ({
    lotId: lot.mir?.lotId,
    waferId,
    dies: [...places.values()],
    ...orientation,
    threshold,
  }));
}

const FLAT_SIDES: ReadonlyMap<string | undefined, FlatSide> = new Map([
  ['U', 'up'],
  ['D', 'down'],
  ['L', 'left'],
  ['R', 'right'],
]);

/** As the WCR says; unknown directions are drawn to the right and up (stdf-v4.md section 11). */
function orientationOf({ wcr }: Lot): Pick<WaferMap, 'flat' | 'xGrowsLeft' | 'yGrowsUp'> {
  return {
    flat: FLAT_SIDES.get(wcr && known(wcr, 'wfFlat')),
    xGrowsLeft: (wcr && known(wcr, 'posX')) === 'L',
    yGrowsUp: (wcr && known(wcr, 'posY')) !== 'D',
  };
}

/** Whether the file says which way its coordinates grow; where not, the reader of a map has to know. */
export function isOriented({ wcr }: Lot): boolean {
  return wcr !== undefined && known(wcr, 'posX') !== undefined && known(wcr, 'posY') !== undefined;
}
