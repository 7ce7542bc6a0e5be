import { startsWithFar } from '../../stdf/stdf.js';
import { openSource, STANDARD_INPUT } from '../../unpack/file-source.js';
import { unpack } from '../../unpack/unpack.js';

const STDF_NAME = /\.stdf?(?:\.(?:gz|bz2|xz|zst|zip))?$/i;

/**
 * Whether a file is to be read as STDF: it is standard input, or called .stdf or .std (also packed), or
 * starts with a FAR record, packed or not. One that cannot be opened goes by its name: reading it will
 * say why.
 */
export async function isStdf(path: string): Promise<boolean> {
  return path === STANDARD_INPUT || STDF_NAME.test(path) || startsWithFar(await headOf(path));
}

/** Bytes in which a FAR shows itself. */
const HEAD_BYTES = 4;

async function headOf(path: string): Promise<Uint8Array> {
  const empty = new Uint8Array(0);
  try {
    const { size, bytes } = await openSource(path);
    // What a pipe gives is gone once it is read.
    if (size === undefined) return empty;
    let head = empty;
    for await (const chunk of unpack(bytes, { wanted: startsWithFar })) {
      head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
      if (head.length >= HEAD_BYTES) break;
    }
    return head;
  } catch {
    return empty;
  }
}
