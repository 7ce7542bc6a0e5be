import { bunzip2 } from './bunzip2.js';
import { gunzip } from './gunzip.js';
import { createExpansionGuard, PackedDamage } from './packed-damage.js';
import { unxz } from './unxz.js';
import { type ArchivedFile, unzip } from './unzip.js';
import { unzstd } from './unzstd.js';

/** How a file is packed. */
type Packing = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'zip';

/** By their first bytes, never by name: what a file is called says little of what is in it. */
const MAGIC: readonly (readonly [Packing, string])[] = [
  ['gzip', '\x1f\x8b'],
  ['bzip2', 'BZh'],
  ['xz', '\xfd7zXZ\0'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['zip', 'PK\x03\x04'],
];

/** As many bytes as tell every packing. */
const MAGIC_BYTES = 6;

/** How a file that begins with these bytes is packed; undefined where it is not. */
export function packingOf(head: Uint8Array): Packing | undefined {
  const start = Buffer.from(head.subarray(0, MAGIC_BYTES)).toString('latin1');
  return MAGIC.find(([, magic]) => start.startsWith(magic))?.[0];
}

export interface UnpackOptions {
  /** Told how the file is packed before the first byte is given; not told of one that is not. */
  readonly onPacking?: (packing: Packing) => void;
  /** Which files of an archive are wanted, by their first bytes, unpacked; by default all. */
  readonly wanted?: (head: Uint8Array) => boolean;
}

/**
 * The bytes of a file, unpacked where it is gzip, bzip2, xz, zstd or zip, in memory that does not grow
 * with the file. The wanted files of a zip archive follow each other; they may be packed in turn.
 * @throws PackedDamage after everything that could be unpacked; errors of the source as they are
 */
export async function* unpack(
  source: AsyncIterable<Uint8Array>,
  { onPacking = () => {}, wanted = () => true }: UnpackOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { head, all } = await peek(source);
  const packing = packingOf(head);
  if (packing !== undefined) onPacking(packing);
  if (packing === 'zip') yield* wantedOf(unzip(...guarded(all)), wanted);
  else yield* unpackStream(all, packing);
}

async function* unpackStream(
  all: AsyncIterable<Uint8Array>,
  packing: Packing | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  switch (packing) {
    case 'gzip':
      // gzip cannot pack more than the guard allows.
      return yield* gunzip(all);
    case 'bzip2':
      return yield* bunzip2(...guarded(all));
    case 'xz':
      return yield* unxz(...guarded(all));
    case 'zstd':
      return yield* unzstd(...guarded(all));
    case 'zip':
      throw new PackedDamage('corrupt', 'an archive within an archive');
    default:
      yield* all;
  }
}

async function* wantedOf(
  files: AsyncIterable<ArchivedFile>,
  wanted: (head: Uint8Array) => boolean,
): AsyncGenerator<Uint8Array, void, void> {
  let found = 0;
  const others: string[] = [];
  for await (const { name, bytes } of files) {
    const packed = await peek(bytes);
    const { head, all } = await peek(unpackStream(packed.all, packingOf(packed.head)));
    if (wanted(head)) {
      found++;
      yield* all;
    } else {
      others.push(name);
    }
  }
  if (found > 0) return;
  const names = others.slice(0, MAX_NAMED).join(', ');
  throw new PackedDamage(
    'corrupt',
    `none of its ${others.length} files is one of the kind asked for: ${names}`,
  );
}

const MAX_NAMED = 5;

/** The bytes, and whom to tell of what they become: together they tell a bomb. */
function guarded(
  input: AsyncIterable<Uint8Array>,
): [AsyncIterable<Uint8Array>, (unpackedBytes: number) => void] {
  const guard = createExpansionGuard();
  async function* counted(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of input) {
      guard.packed(chunk.length);
      yield chunk;
    }
  }
  return [counted(), guard.unpacked];
}

/** The first bytes of a stream, and the whole stream with them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < MAGIC_BYTES) {
    const { done, value } = await iterator.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, void> {
    try {
      if (head.length > 0) yield head;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      // A reader that stops early closes the source, as `for await` over it would.
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}
