import { open } from 'node:fs/promises';
import { constants, gunzipSync } from 'node:zlib';

const STDF_NAME = /\.stdf?(?:\.gz)?$/i;

/** Enough packed bytes to unpack the four that name the first record. */
const HEAD_BYTES = 512;

/**
 * Whether a file is to be read as STDF: it is called .stdf or .std (also with .gz), or starts with a FAR
 * record, packed or not. One that cannot be opened goes by its name: reading it will say why.
 */
export async function isStdf(path: string): Promise<boolean> {
  return STDF_NAME.test(path) || startsWithFar(await headOf(path));
}

async function headOf(path: string): Promise<Uint8Array> {
  const empty = new Uint8Array(0);
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return empty;
  try {
    // What a pipe gives is gone once it is read.
    if (!(await file.stat()).isFile()) return empty;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const packed = head[0] === 0x1f && head[1] === 0x8b;
    return packed ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : head;
  } catch {
    return empty;
  } finally {
    await file.close();
  }
}

/** REC_TYP 0 and REC_SUB 10, and a length of 2 in either byte order. */
function startsWithFar([first, second, typ, sub]: Uint8Array): boolean {
  return typ === 0 && sub === 10 && (first === 2 ? second === 0 : first === 0 && second === 2);
}
