import { V4_2007 } from './records.js';

/** What can be wrong with a file that is STDF V4, and the words for it. */
const KINDS = {
  cpu_type_conflict: 'CPU_TYPE contradicts the byte order of the first record; its length was believed',
  extra_bytes: 'a record is longer than its fields; the rest was ignored',
  cut_field: 'a record ends inside a field; that field and those after it are missing',
  short_record: 'a record ends before its required fields; it was skipped',
  lost_sync: 'no record starts here; skipped to the next place where records follow each other',
  truncated_tail: 'the file ends inside a record',
  truncated_packing: 'the packed file ends too early; everything up to the cut was read',
  corrupt_packing: 'the packed file is corrupt; everything up to the fault was read',
  packing_bomb: 'the packed file unpacks to far more than any lot does; reading stopped there',
  missing_mir: 'there is no MIR: lot and product are unknown',
  missing_mrr: 'there is no MRR: the lot was aborted, or the end of the file is missing',
} as const;

export type DamageKind = keyof typeof KINDS;

/** All damage of one kind in a file. Offsets count the bytes of the uncompressed file, from 0. */
export interface Damage {
  readonly kind: DamageKind;
  readonly count: number;
  readonly firstOffset: number;
  /** Bytes that were skipped because of it. */
  readonly bytesLost: number;
  /** What, how often and where, in one sentence. */
  readonly message: string;
}

/** Records of a type that V4 does not define, skipped by their length. Not damage. */
export interface UnknownRecords {
  readonly typ: number;
  readonly sub: number;
  /** The name, where V4-2007 defines it. */
  readonly name: string | undefined;
  readonly count: number;
  readonly firstOffset: number;
}

interface Tally {
  count: number;
  readonly firstOffset: number;
  bytesLost: number;
}

/** Collects damage and unknown records by kind: bounded, however broken the file is. */
export interface DamageLog {
  add(kind: DamageKind, offset: number, bytesLost?: number): void;
  addUnknown(typ: number, sub: number, offset: number): void;
  damage(): readonly Damage[];
  unknown(): readonly UnknownRecords[];
}

export function createDamageLog(): DamageLog {
  const kinds = new Map<DamageKind, Tally>();
  const types = new Map<number, Tally>();

  return {
    add(kind, offset, bytesLost = 0) {
      count(kinds, kind, offset, bytesLost);
    },
    addUnknown(typ, sub, offset) {
      count(types, typ * 256 + sub, offset, 0);
    },
    damage() {
      return [...kinds]
        .map(([kind, tally]) => ({ kind, ...tally, message: describe(kind, tally) }))
        .sort((a, b) => a.firstOffset - b.firstOffset);
    },
    unknown() {
      return [...types].map(([key, { count, firstOffset }]) => {
        const [typ, sub] = [key >> 8, key & 255];
        return { typ, sub, name: nameOf(typ, sub), count, firstOffset };
      });
    },
  };
}

function count<Key>(tallies: Map<Key, Tally>, key: Key, offset: number, bytesLost: number): void {
  const tally = tallies.get(key);
  if (tally === undefined) {
    tallies.set(key, { count: 1, firstOffset: offset, bytesLost });
  } else {
    tally.count++;
    tally.bytesLost += bytesLost;
  }
}

function nameOf(typ: number, sub: number): string | undefined {
  return Object.entries(V4_2007).find(([, type]) => type.typ === typ && type.sub === sub)?.[0];
}

function describe(kind: DamageKind, { count, firstOffset, bytesLost }: Tally): string {
  const where = count === 1 ? `at byte ${firstOffset}` : `${count} times, first at byte ${firstOffset}`;
  const lost = bytesLost === 0 ? '' : ` (${bytesLost} bytes lost)`;
  return `${kind}: ${KINDS[kind]}: ${where}${lost}`;
}
