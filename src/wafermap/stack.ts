import type { MapDie, WaferMap } from './wafer-map.js';

/** What became of the dies at one place, over the wafers that have a die there. */
export interface StackedPlace {
  readonly wafers: number;
  readonly testerFails: number;
  readonly scored: number;
  readonly modelFails: number;
}

/** The wafers of a lot laid upon each other. */
export interface WaferStack {
  readonly lotId: string | undefined;
  readonly wafers: number;
  /** One die for each place, to be laid out; its verdicts are those of one wafer only. */
  readonly map: WaferMap;
  placeOf(die: Pick<MapDie, 'x' | 'y'>): StackedPlace;
}

const NONE: StackedPlace = { wafers: 0, testerFails: 0, scored: 0, modelFails: 0 };

/** A stack for each lot that has at least two wafers with dies, all turned the same way. */
export function stacksOf(maps: readonly WaferMap[]): WaferStack[] {
  const lots = new Map<string, WaferMap[]>();
  for (const map of maps) {
    if (map.dies.length === 0) continue;
    const key = JSON.stringify([map.lotId, map.xGrowsLeft, map.yGrowsUp, map.flat]);
    lots.set(key, [...(lots.get(key) ?? []), map]);
  }
  return [...lots.values()].filter((wafers) => wafers.length > 1).map(stackOf);
}

function stackOf(wafers: readonly WaferMap[]): WaferStack {
  const places = new Map<string, StackedPlace>();
  const dies = new Map<string, MapDie>();
  for (const die of wafers.flatMap((wafer) => wafer.dies)) {
    const key = `${die.x},${die.y}`;
    const place = places.get(key) ?? NONE;
    dies.set(key, die);
    places.set(key, {
      wafers: place.wafers + 1,
      testerFails: place.testerFails + Number(die.testerVerdict === 'fail'),
      scored: place.scored + Number(die.prediction !== undefined),
      modelFails: place.modelFails + Number(die.prediction === 'fail'),
    });
  }
  const [first] = wafers;
  return {
    lotId: first?.lotId,
    wafers: wafers.length,
    map: {
      ...{ lotId: first?.lotId, waferId: undefined, flat: first?.flat },
      ...{ xGrowsLeft: first?.xGrowsLeft ?? false, yGrowsUp: first?.yGrowsUp ?? false },
      threshold: first?.threshold ?? 0,
      dies: [...dies.values()],
    },
    placeOf: ({ x, y }) => places.get(`${x},${y}`) ?? NONE,
  };
}
