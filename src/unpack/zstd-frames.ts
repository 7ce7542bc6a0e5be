import { PackedDamage } from './packed-damage.js';

/** Where a Zstandard frame ends, and the checksum of its content where it has one (RFC 8878, 3.1.1). */
interface FrameEnd {
  /** Bytes of the slice that belong to the frame. */
  readonly at: number;
  /** Low four bytes of the content's XXH64. */
  readonly checksum: number | undefined;
}

/** Follows the frames of a Zstandard stream by their headers, whatever the slices are. Pure. */
interface FrameFollower {
  /** The first frame that ends within the slice; undefined where none does. Call again with the rest. */
  follow(slice: Uint8Array): FrameEnd | undefined;
  /** Whether a frame has begun and not ended. */
  readonly open: boolean;
}

const MAGIC = 0xfd2fb528;
/** Skippable frames: magic 0x184d2a50 to 0x184d2a5f, then a length. */
const SKIPPABLE = 0x184d2a50;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
/** What `zstd -d` allows, too. */
const MOST_WINDOW_LOG = 27;

type State = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block' | 'checksum' | 'body';

export function createFrameFollower(): FrameFollower {
  const field: number[] = [];
  let state: State = 'magic';
  let needed = CHECKSUM_BYTES;
  let skip = 0;
  let afterBody: State | 'end' = 'block';
  let hasChecksum = false;
  /** Whether the header begins with the size of a window. */
  let hasWindow = false;

  function expect(next: State, bytes: number): void {
    state = next;
    needed = bytes;
    field.length = 0;
  }

  function body(bytes: number, next: State | 'end'): void {
    expect('body', 0);
    skip = bytes;
    afterBody = next;
  }

  function takeDescriptor(descriptor: number): void {
    hasChecksum = (descriptor & 0x04) !== 0;
    const single = (descriptor & 0x20) !== 0;
    const sizes = [single ? 1 : 0, 2, 4, 8];
    const ids = [0, 1, 2, 4];
    const window = single ? 0 : 1;
    const rest = window + (ids[descriptor & 0x03] ?? 0) + (sizes[descriptor >> 6] ?? 0);
    hasWindow = !single;
    expect('header', rest);
  }

  function takeHeader(): void {
    if (hasWindow && 10 + ((field[0] ?? 0) >> 3) > MOST_WINDOW_LOG) {
      throw new PackedDamage('bomb', 'a zstd frame asks for a window of more than 128 MB');
    }
    expect('block', BLOCK_HEADER_BYTES);
  }

  function takeBlock(): void {
    const header = numberOf(field);
    const [last, type, size] = [header & 1, (header >> 1) & 3, header >>> 3];
    if (type === 3) throw new PackedDamage('corrupt', 'a zstd block of a reserved type');
    const next = last === 0 ? 'block' : hasChecksum ? 'checksum' : 'end';
    body(type === 1 ? 1 : size, next);
  }

  /** What a field that is complete means; true at the end of a frame. */
  function take(): boolean {
    switch (state) {
      case 'magic':
        if (numberOf(field) === MAGIC) expect('descriptor', 1);
        else if ((numberOf(field) & 0xfffffff0) >>> 0 === SKIPPABLE) expect('skippable', 4);
        else throw new PackedDamage('corrupt', 'other bytes follow');
        return false;
      case 'skippable':
        body(numberOf(field), 'end');
        return false;
      case 'descriptor':
        takeDescriptor(field[0] ?? 0);
        return false;
      case 'header':
        takeHeader();
        return false;
      case 'block':
        takeBlock();
        return false;
      default:
        return true;
    }
  }

  return {
    get open() {
      return state !== 'magic' || field.length > 0;
    },
    follow(slice) {
      for (let at = 0; ; ) {
        if (state === 'body') {
          const skipped = Math.min(skip, slice.length - at);
          at += skipped;
          skip -= skipped;
          if (skip > 0) return undefined;
          if (afterBody === 'end') {
            expect('magic', CHECKSUM_BYTES);
            return { at, checksum: undefined };
          }
          expect(afterBody, afterBody === 'checksum' ? CHECKSUM_BYTES : BLOCK_HEADER_BYTES);
        }
        while (field.length < needed) {
          const byte = slice[at];
          if (byte === undefined) return undefined;
          field.push(byte);
          at++;
        }
        if (!take()) continue;
        const checksum = numberOf(field);
        expect('magic', CHECKSUM_BYTES);
        return { at, checksum };
      }
    },
  };
}

/** Little-endian. */
function numberOf(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
