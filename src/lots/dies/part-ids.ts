import type { LotPass } from './lot-key.js';
import { waferKeyOf } from './positions.js';
import { type Touchdown, type TouchedPart, together } from './touchdown.js';
import type { Touchdowns } from './touchdown-columns.js';

/**
 * What PART_ID names in a lot: a die of the lot, of its file (each file counts anew), of a site (each site
 * counts anew), of a site in a file, or nothing.
 */
export type IdentityScheme = (typeof SCHEMES)[number] | 'nothing';

/** In the order in which they are tried. */
const SCHEMES = ['part_id', 'part_id_of_file', 'part_id_of_site', 'part_id_of_site_and_file'] as const;

export function partIdKey(part: TouchedPart, pass: number, scheme: IdentityScheme): string {
  const site = scheme.includes('_of_site') ? `${part.headNum}/${part.siteNum}` : '';
  const file = scheme.endsWith('_file') ? pass : '';
  return `${waferKeyOf(part.wafer, pass)} ${file} ${site} ${part.partId}`;
}

/** Of the repetitions that tell of a scheme, at most this share may speak against it. */
const MOST_AGAINST = 0.2;

/**
 * The first scheme that the lot does not contradict. A part that comes again is one that failed before, or
 * one that its file says is tested again; ids that mostly come again after parts that passed, or while a
 * part of that id is still on test, are counted anew.
 * @param entries those whose die is to be told by PART_ID, in time
 */
export function identityScheme(
  touched: Touchdowns,
  entries: readonly number[],
  passes: readonly LotPass[],
): IdentityScheme {
  return SCHEMES.find((scheme) => holds(scheme, touched, entries, passes)) ?? 'nothing';
}

function holds(
  scheme: IdentityScheme,
  touched: Touchdowns,
  entries: readonly number[],
  passes: readonly LotPass[],
): boolean {
  const last = new Map<string, Touchdown>();
  let [repeated, against] = [0, 0];
  for (const entry of entries) {
    const touchdown = touched.at(entry);
    if (touchdown?.part.partId === undefined || touchdown.part.end !== 'ended') continue;
    const key = partIdKey(touchdown.part, touchdown.pass, scheme);
    const earlier = last.get(key);
    last.set(key, touchdown);
    if (earlier === undefined || touchdown.part.retestFlag !== undefined) continue;
    if (together(earlier, touchdown)) return false;
    repeated++;
    if (!isRetest(earlier, touchdown, passes)) against++;
  }
  return against <= MOST_AGAINST * repeated;
}

function isRetest(earlier: Touchdown, later: Touchdown, passes: readonly LotPass[]): boolean {
  const retests = earlier.pass === later.pass ? undefined : passes[later.pass]?.retests;
  if (retests === 'all') return true;
  if (retests !== undefined) return earlier.part.hardBin !== undefined && retests.has(earlier.part.hardBin);
  return earlier.part.verdict !== 'pass';
}
