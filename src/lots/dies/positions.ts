import type { Part, Wafer } from '../../stdf/stdf.js';
import type { Touchdown } from './touchdown.js';
import type { Touchdowns } from './touchdown-columns.js';

/** What names a wafer within its lot: its id, so that one that comes again is the same one. */
export function waferKeyOf(wafer: Wafer | undefined, pass: number): string {
  if (wafer === undefined) return '';
  const id = wafer.waferId?.trim() ?? '';
  return id === '' ? `#${pass}.${wafer.index}` : `=${id}`;
}

/** The place of a part on its wafer; undefined where it has no coordinates. */
export function placeOf(touchdown: Touchdown | undefined): string | undefined {
  if (touchdown === undefined) return undefined;
  const { part, pass } = touchdown;
  if (part.x === undefined || part.y === undefined) return undefined;
  return `${waferKeyOf(part.wafer, pass)} ${part.x},${part.y}`;
}

/** Coordinates that handlers write where there are none. */
const MEANINGLESS = [0, -1];

/** Whether coordinates say anything: several parts that are all at 0,0 or all at -1,-1 have none. */
export function sayPlaces(parts: Iterable<Pick<Part, 'x' | 'y'>>): boolean {
  let placed = 0;
  let [firstX, firstY]: [number | undefined, number | undefined] = [undefined, undefined];
  for (const { x, y } of parts) {
    if (x === undefined || y === undefined) continue;
    placed++;
    if (placed === 1) [firstX, firstY] = [x, y];
    else if (x !== firstX || y !== firstY) return true;
  }
  if (placed < 2) return placed === 1;
  return !(firstX === firstY && MEANINGLESS.includes(Number(firstX)));
}

/** The same of all parts of a lot. */
export function hasPositions(touched: Touchdowns): boolean {
  function* parts() {
    for (let entry = 0; entry < touched.length; entry++) {
      const touchdown = touched.at(entry);
      if (touchdown !== undefined) yield touchdown.part;
    }
  }
  return sayPlaces(parts());
}
