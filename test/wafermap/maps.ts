import type { MapDie, WaferMap } from '../../src/wafermap/wafer-map.js';

/** A die that the tester and the model passed. */
export function mapDie(x: number, y: number, changes: Partial<MapDie> = {}): MapDie {
  return {
    x,
    y,
    dieId: `die_${x}_${y}`,
    prediction: 'pass',
    score: 0.5,
    testerVerdict: 'pass',
    softBin: undefined,
    hardBin: 1,
    reasons: [],
    ...changes,
  };
}

export function waferMap(dies: readonly MapDie[], changes: Partial<WaferMap> = {}): WaferMap {
  return {
    lotId: 'LOT',
    waferId: 'W1',
    dies,
    flat: undefined,
    xGrowsLeft: false,
    yGrowsUp: false,
    threshold: 1,
    ...changes,
  };
}

export const failing = { prediction: 'fail', score: 3, testerVerdict: 'fail', hardBin: 8 } as const;
export const flagged = { prediction: 'fail', score: 3 } as const;
export const missed = { testerVerdict: 'fail', hardBin: 8 } as const;
export const unscored = { prediction: undefined, score: undefined } as const;

/** A round wafer of dies that pass, but for a few. */
export function roundWafer(across: number): WaferMap {
  const dies: MapDie[] = [];
  for (let y = 0; y < across; y++) {
    for (let x = 0; x < across; x++) {
      if (Math.hypot(2 * x - across + 1, 2 * y - across + 1) > across) continue;
      const odd = dies.length % 37 === 5 ? failing : dies.length % 101 === 7 ? flagged : {};
      const reasons = ['1040 VOH <> pin7: 2.314 V (limits 2.4 to 3.6, expected 2.91), 41%'];
      dies.push(mapDie(x, y, { reasons, score: 0.2 + ((x * 7 + y * 3) % 10) / 20, ...odd }));
    }
  }
  return waferMap(dies, { flat: 'down' });
}
