import type { DieLabel } from '../die/die.js';

/** Who a die is, whatever a caller calls it: its place on its wafer and, where it is said, when it was touched there. */
export interface DieKey {
  readonly lot: string | undefined;
  readonly wafer: string;
  /** Column on the wafer, STDF X_COORD. */
  readonly x: number;
  /** Row on the wafer, STDF Y_COORD. */
  readonly y: number;
  /** Wafer sort, final test, hot, cold; undefined for whichever it was. */
  readonly insertion: string | undefined;
  /** Number of the touchdown; undefined for any. */
  readonly touchdown: number | undefined;
}

type PlaceOfDie = Pick<DieLabel, 'lot_id' | 'wafer_id' | 'x' | 'y' | 'insertion' | 'touchdown'>;

/** The key of a die that says where it is; undefined where its wafer or its place on it is missing. */
export function dieKeyOf({ lot_id, wafer_id, x, y, insertion, touchdown }: PlaceOfDie): DieKey | undefined {
  if (typeof wafer_id !== 'string' || typeof x !== 'number' || typeof y !== 'number') return undefined;
  return {
    lot: lot_id ?? undefined,
    wafer: wafer_id,
    x,
    y,
    insertion: insertion ?? undefined,
    touchdown: touchdown ?? undefined,
  };
}

const part = (text: string) => text.replaceAll('%', '%25').replaceAll('/', '%2F');

/** `lot/wafer/x/y/insertion/touchdown`: what is not said is empty, and at the end left out; "/" and "%" are percent-encoded. */
export function dieKeyText({ lot = '', wafer, x, y, insertion = '', touchdown }: DieKey): string {
  const place = `${part(lot)}/${part(wafer)}/${x}/${y}`;
  if (touchdown !== undefined) return `${place}/${part(insertion)}/${touchdown}`;
  return insertion === '' ? place : `${place}/${part(insertion)}`;
}

const KEY = /^([^/]*)\/([^/]+)\/(-?\d{1,5})\/(-?\d{1,5})(?:\/([^/]*))?(?:\/(\d{0,10}))?$/;

/** The die that a text of {@link dieKeyText} names; undefined where it is no such text. */
export function parseDieKey(text: string): DieKey | undefined {
  const found = KEY.exec(text);
  if (found === null) return undefined;
  try {
    const [lot = '', wafer = '', x, y, insertion = '', touchdown = ''] = found
      .slice(1)
      .map((one) => (one === undefined ? one : decodeURIComponent(one)));
    return {
      lot: lot === '' ? undefined : lot,
      wafer,
      x: Number(x),
      y: Number(y),
      insertion: insertion === '' ? undefined : insertion,
      touchdown: touchdown === '' ? undefined : Number(touchdown),
    };
  } catch {
    return undefined;
  }
}

/** Whether a key names this die: what `asked` leaves out may be anything. */
export function namesDie(asked: DieKey, found: DieKey): boolean {
  return (
    asked.wafer === found.wafer &&
    asked.x === found.x &&
    asked.y === found.y &&
    (asked.lot === undefined || asked.lot === found.lot) &&
    (asked.insertion === undefined || asked.insertion === found.insertion) &&
    (asked.touchdown === undefined || asked.touchdown === found.touchdown)
  );
}
