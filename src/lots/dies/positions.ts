import type { Wafer } from '../../stdf/stdf.js';
import type { Touchdown } from './touchdown.js';

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
export function hasPositions(touched: readonly Touchdown[]): boolean {
  const placed = touched.filter(({ part }) => part.x !== undefined && part.y !== undefined);
  const [first] = placed;
  if (first === undefined) return false;
  const { x, y } = first.part;
  const same = placed.length > 1 && placed.every(({ part }) => part.x === x && part.y === y);
  return !(same && x === y && MEANINGLESS.includes(Number(x)));
}
