import type { LotPass } from './lot-key.js';
import { type IdentityScheme, identityScheme, partIdKey } from './part-ids.js';
import { hasPositions, placeOf } from './positions.js';
import { type Touchdown, type TouchedPart, together } from './touchdown.js';
import { TouchdownColumns, type Touchdowns } from './touchdown-columns.js';

/** How the dies of a lot are told apart. */
export interface DieNaming {
  /** Whether x and y name dies: on wafers, unless all parts have the same meaningless place. */
  readonly byPosition: boolean;
  /** What PART_ID names, where the place does not. */
  readonly byPartId: IdentityScheme;
}

/** The dies of one lot, once all of it has been read. Entries are numbered as they were added. */
export interface Dies {
  readonly dies: number;
  /** By entry: the entry that it tests again, -1 for a die's first touchdown. */
  readonly replaces: Int32Array;
  /** By entry: the entry that tests it again, -1 for a die's last touchdown, which is final. */
  readonly replacedBy: Int32Array;
  /** By entry: 1 for the first touchdown of its die. */
  readonly touchdowns: Int32Array;
  /** The entries in the order in which they were tested. */
  readonly order: readonly number[];
  readonly naming: DieNaming;
  /** Whether coordinates say where parts were: not where there are none, nor where all have the same meaningless ones. */
  readonly hasPlaces: boolean;
}

/** Tells the touchdowns of one lot's dies. What names a die can be told only when all parts are known. */
export interface DieRegister {
  /** Begins a file's part of the lot; the parts that follow are of it. */
  begin(pass: LotPass): void;
  /** How many passes have begun. */
  passes(): number;
  /** The number of the entry. Memory grows with the parts, by some forty bytes each. */
  add(part: TouchedPart): number;
  /** What was added, by its number. */
  readonly touchdowns: Touchdowns;
  finish(): Dies;
}

/**
 * A die is (wafer, x, y) where the lot has wafers and places on them; else (wafer, PART_ID), with the site
 * where ids restart for each site, and each part for itself where ids name nothing. PART_FLG overrules:
 * bit 0 means the same PART_ID, bit 1 the same place. Two parts that were on test together are never one
 * die. Passes count in the order of START_T, those that say that they are retests after the others.
 */
export function createDieRegister(): DieRegister {
  const passes: LotPass[] = [];
  const touched = new TouchdownColumns();
  return {
    begin(pass) {
      passes.push(pass);
    },
    passes: () => passes.length,
    add(part) {
      if (passes.length === 0) passes.push({ startedAt: undefined, retests: undefined });
      return touched.add(part, passes.length - 1);
    },
    touchdowns: touched,
    finish: () => tellDies(touched, passes),
  };
}

function tellDies(touched: Touchdowns, passes: readonly LotPass[]): Dies {
  const order = inTime(touched, passes);
  const wafers = some(touched, ({ part }) => part.wafer !== undefined);
  const noIds = !some(touched, ({ part }) => part.partId !== undefined);
  const hasPlaces = hasPositions(touched);
  const byPosition = (wafers || noIds) && hasPlaces;
  const unplaced = byPosition ? order.filter((entry) => !touched.isPlaced(entry)) : order;
  const naming = { byPosition, byPartId: identityScheme(touched, unplaced, passes) };
  const replaces = new Int32Array(touched.length).fill(-1);
  const replacedBy = new Int32Array(touched.length).fill(-1);
  const touchdowns = new Int32Array(touched.length).fill(1);
  const byPlace = new Map<string, number>();
  const byId = asksForIds(touched, unplaced) ? new Map<string, number>() : undefined;
  let dies = 0;
  for (const entry of order) {
    const touchdown = touched.at(entry);
    if (touchdown === undefined) continue;
    // Place and id may both know the die, one of them not to its last touchdown.
    const place = placeOf(touchdown);
    const earlier = lastOf(earlierOf(touchdown, place, naming, byPlace, byId), replacedBy);
    const again = earlier !== undefined && !together(touched.at(earlier), touchdown);
    note(entry, touchdown, place, naming, byPlace, byId);
    if (!again) {
      dies++;
      continue;
    }
    replaces[entry] = earlier;
    replacedBy[earlier] = entry;
    touchdowns[entry] = (touchdowns[earlier] ?? 1) + 1;
  }
  return { dies, replaces, replacedBy, touchdowns, order, naming, hasPlaces };
}

function lastOf(entry: number | undefined, replacedBy: Int32Array): number | undefined {
  let last = entry;
  for (let next = entry; next !== undefined && next >= 0; next = replacedBy[next]) last = next;
  return last;
}

/** The entries in the order of their passes. */
function inTime(touched: Touchdowns, passes: readonly LotPass[]): number[] {
  const order = Array.from({ length: touched.length }, (_, entry) => entry);
  if (passes.length < 2) return order;
  const ranks = passes.map((_, pass) => pass).sort((a, b) => comparePasses(passes[a], passes[b]) || a - b);
  const rankOf = new Int32Array(passes.length);
  ranks.forEach((pass, rank) => {
    rankOf[pass] = rank;
  });
  const ranked = Uint32Array.from(
    { length: touched.length },
    (_, entry) => rankOf[touched.at(entry)?.pass ?? 0] ?? 0,
  );
  return order.sort((a, b) => (ranked[a] ?? 0) - (ranked[b] ?? 0) || a - b);
}

function comparePasses(a: LotPass | undefined, b: LotPass | undefined): number {
  const retest = Number(a?.retests !== undefined) - Number(b?.retests !== undefined);
  if (a?.startedAt === undefined || b?.startedAt === undefined || a.startedAt === b.startedAt) return retest;
  return a.startedAt - b.startedAt;
}

/** Whether any part is looked up by its PART_ID: on most wafers none is, and the ids need not be kept. */
function asksForIds(touched: Touchdowns, unplaced: readonly number[]): boolean {
  if (unplaced.length > 0) return true;
  for (let entry = 0; entry < touched.length; entry++)
    if (touched.retestFlagAt(entry) === 'part_id') return true;
  return false;
}

function earlierOf(
  touchdown: Touchdown,
  place: string | undefined,
  { byPosition, byPartId }: DieNaming,
  byPlace: ReadonlyMap<string, number>,
  byId: ReadonlyMap<string, number> | undefined,
): number | undefined {
  const { part, pass } = touchdown;
  if (part.end !== 'ended') return undefined;
  const flagged = part.retestFlag === 'part_id';
  const withId =
    part.partId === undefined
      ? undefined
      : byId?.get(partIdKey(part, pass, flaggedScheme(byPartId, flagged)));
  const atPlace = place === undefined ? undefined : byPlace.get(place);
  if (flagged) return withId ?? (byPosition ? atPlace : undefined);
  if (part.retestFlag === 'position' || (byPosition && place !== undefined)) return atPlace;
  return byPartId === 'nothing' ? undefined : withId;
}

/** A part that says itself that its PART_ID came before is believed, whatever ids are worth otherwise. */
function flaggedScheme(scheme: IdentityScheme, flagged: boolean): IdentityScheme {
  return flagged && scheme === 'nothing' ? 'part_id' : scheme;
}

function note(
  entry: number,
  touchdown: Touchdown,
  place: string | undefined,
  { byPartId }: DieNaming,
  byPlace: Map<string, number>,
  byId: Map<string, number> | undefined,
): void {
  const { part, pass } = touchdown;
  if (part.end !== 'ended') return;
  if (place !== undefined) byPlace.set(place, entry);
  if (part.partId !== undefined) byId?.set(partIdKey(part, pass, flaggedScheme(byPartId, true)), entry);
}

function some(touched: Touchdowns, holds: (touchdown: Touchdown) => boolean): boolean {
  for (let entry = 0; entry < touched.length; entry++) {
    const touchdown = touched.at(entry);
    if (touchdown !== undefined && holds(touchdown)) return true;
  }
  return false;
}
