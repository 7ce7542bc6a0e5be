import { Fault } from '../errors.js';
import { packingOf } from '../unpack/unpack.js';
import type { ByteOrder } from './records.js';

/** Bytes of the FAR with its header: what is needed to tell a file's format. */
export const FAR_BYTES = 6;

/** CPU_TYPE of a machine whose R4 and R8 are no IEEE numbers. */
export const VAX = 0;

interface FileStart {
  /** Of everything up to the next FAR. */
  readonly byteOrder: ByteOrder;
  /** CPU_TYPE of the FAR says the other byte order than the length of the FAR. */
  readonly conflict: boolean;
}

/**
 * The byte order of a file, from its first bytes (at least {@link FAR_BYTES} unless the file is
 * shorter), or of the file that was put behind another at `offset`. Throws a Fault `invalid_data` where they are not the start of an STDF V4 file.
 */
export function readFileStart(bytes: Uint8Array, offset = 0): FileStart {
  const [length0 = 0, length1 = 0, typ, sub, cpuType = 0, version] = bytes;
  if (bytes.length === 0) throw refusal('the file is empty, expected STDF V4');
  // REC_TYP and REC_SUB first: they need no byte order (stdf-v4.md section 1).
  if (bytes.length >= 4 && (typ !== 0 || sub !== 10)) throw refusal(notStdf(bytes));
  if (bytes.length < FAR_BYTES)
    throw refusal(`the file ends after ${bytes.length} bytes, inside its first record`);
  const byteOrder = orderOf(length0, length1);
  if (byteOrder === undefined) throw refusal(notStdf(bytes));
  if (version !== 4) throw refusal(`STDF version ${version}, expected version 4`);
  if (cpuType === VAX && byteOrder === 'little') {
    const where = offset === 0 ? '' : ` at byte ${offset}`;
    throw refusal(
      `CPU_TYPE 0${where}: numbers in VAX format are not read; convert the file to CPU_TYPE 1 or 2`,
    );
  }
  const expected = cpuType === 1 ? 'big' : cpuType === 2 ? 'little' : byteOrder;
  return { byteOrder, conflict: expected !== byteOrder };
}

function orderOf(length0: number, length1: number): ByteOrder | undefined {
  if (length0 === 2 && length1 === 0) return 'little';
  if (length0 === 0 && length1 === 2) return 'big';
  return undefined;
}

/** Whether these are the first bytes of an STDF file: a FAR record, in either byte order. */
export function startsWithFar([length0 = -1, length1 = -1, typ, sub]: Uint8Array): boolean {
  return typ === 0 && sub === 10 && orderOf(length0, length1) !== undefined;
}

/**
 * The byte order that the FAR at `at` says, or undefined where none is there. Amid a file it is believed only
 * where it is a whole FAR of V4 with a CPU_TYPE that V4 defines: what it says changes how all that follows is
 * read, and four bytes alike are no rarity in data.
 */
export function farOrderAt(bytes: Uint8Array, at: number): ByteOrder | undefined {
  if (bytes[at + 2] !== 0 || bytes[at + 3] !== 10) return undefined;
  const [cpuType = 255, version] = [bytes[at + 4], bytes[at + 5]];
  return version === 4 && cpuType <= 2 ? orderOf(bytes[at] ?? -1, bytes[at + 1] ?? -1) : undefined;
}

function notStdf(bytes: Uint8Array): string {
  const packing = packingOf(bytes);
  if (packing !== undefined) return `packed twice, the inner time by ${packing}: unpack it once`;
  const found = JSON.stringify(Buffer.from(bytes.subarray(0, 16)).toString('latin1'));
  return `not an STDF file: it starts with ${found}, expected a FAR record`;
}

function refusal(problem: string): Fault {
  return new Fault('invalid_data', [problem]);
}
