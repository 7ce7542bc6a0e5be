import type { Wafer } from '../../stdf/stdf.js';
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
export function hasPositions(touched: Touchdowns): boolean {
  let placed = 0;
  let [x, y]: [number | undefined, number | undefined] = [undefined, undefined];
  for (let entry = 0; entry < touched.length; entry++) {
    const part = touched.at(entry)?.part;
    if (part?.x === undefined || part.y === undefined) continue;
    placed++;
    if (placed === 1) [x, y] = [part.x, part.y];
    else if (part.x !== x || part.y !== y) return true;
  }
  if (placed < 2) return placed === 1;
  return !(x === y && MEANINGLESS.includes(Number(x)));
}
