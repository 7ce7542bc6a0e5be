import type { Damage, DamageLog, UnknownRecords } from './damage.js';
import { KNOWN_TYPES } from './layout.js';
import { type ByteOrder, V4_2007 } from './records.js';

/** What a file held and what was wrong with it: whole after the last record, else as far as read. */
export interface ReadReport {
  /** Mixed where files of either order were put together, each with its FAR. */
  readonly byteOrder: ByteOrder | 'mixed';
  /** Bytes of the uncompressed file. */
  readonly bytes: number;
  /** Whole records found: delivered, filtered or unknown. */
  readonly records: number;
  /** Records by name, those of V4 and of V4-2007, filtered ones too. */
  readonly counts: Readonly<Record<string, number>>;
  /** Types that V4 does not define, skipped by their length. */
  readonly unknown: readonly UnknownRecords[];
  /** In the order of their first offset. Empty for a sound file. */
  readonly damage: readonly Damage[];
  /** True when the file was read to its end and no damage was found. */
  readonly intact: boolean;
}

/** Counts the records of a file by type. */
interface RecordTally {
  readonly counts: number[];
  unknown: number;
}

export function createRecordTally(): RecordTally {
  return { counts: new Array<number>(KNOWN_TYPES.length).fill(0), unknown: 0 };
}

export function countOf(tally: RecordTally, name: string): number {
  const type = KNOWN_TYPES.find((known) => known.name === name);
  return type === undefined ? 0 : (tally.counts[type.index] ?? 0);
}

export function reportOf(
  tally: RecordTally,
  log: DamageLog,
  file: { readonly byteOrders: readonly ByteOrder[]; readonly bytes: number; readonly ended: boolean },
): ReadReport {
  const named = KNOWN_TYPES.map(({ name, index }) => [name, tally.counts[index] ?? 0] as const);
  const damage = log.damage();
  return {
    byteOrder: file.byteOrders.length > 1 ? 'mixed' : (file.byteOrders[0] ?? 'little'),
    bytes: file.bytes,
    records: named.reduce((sum, [, count]) => sum + count, tally.unknown),
    counts: Object.fromEntries(named.filter(([, count]) => count > 0)),
    unknown: log.unknown(),
    damage,
    intact: file.ended && damage.length === 0,
  };
}

/** The report as lines for a person, the damage first. */
export function describeReport(report: ReadReport): readonly string[] {
  const unknown = report.unknown.map(({ typ, sub, name, count, firstOffset }) => {
    const records = `${count} ${count === 1 ? 'record' : 'records'}`;
    const label = name === undefined ? `of unknown type ${typ}/${sub}` : `${name} (V4-2007)`;
    const left = added(name);
    return `skipped ${records} ${label}, first at byte ${firstOffset}${left === undefined ? '' : `: ${left}`}`;
  });
  return [...report.damage.map(({ message }) => message), ...unknown];
}

/** What a record of V4-2007 holds. */
function added(name: string | undefined): string | undefined {
  return Object.entries(V4_2007).find(([known]) => known === name)?.[1].holds;
}
