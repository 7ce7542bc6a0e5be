/** What can be wrong with a packed file. */
type PackedDamageKind = 'truncated' | 'corrupt' | 'bomb';

/** Thrown while a packed file is unpacked, after everything that could be unpacked before the fault. */
export class PackedDamage extends Error {
  readonly kind: PackedDamageKind;

  constructor(kind: PackedDamageKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** More than gzip can pack (1,032 times), and thirty times what lots are packed to. */
const MOST_TIMES = 1_100;
const ALWAYS_ALLOWED = 256 * 1024 * 1024;

/** Counts what goes into an unpacker and what comes out of it. */
interface ExpansionGuard {
  packed(bytes: number): void;
  /** @throws PackedDamage `bomb` when the file unpacks to far more than any lot does */
  unpacked(bytes: number): void;
}

export function createExpansionGuard(): ExpansionGuard {
  let before = 0;
  let after = 0;
  return {
    packed(bytes) {
      before += bytes;
    },
    unpacked(bytes) {
      after += bytes;
      if (after <= ALWAYS_ALLOWED || after <= MOST_TIMES * before) return;
      throw new PackedDamage('bomb', `unpacks to more than ${MOST_TIMES} times its size`);
    },
  };
}
