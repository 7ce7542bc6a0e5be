import { ErrorCode, Http2Error } from './errors.js';
import { unpackHuffman } from './huffman.js';

/** A header as it was sent: name in lower case, and value. */
export type Field = readonly [name: string, value: string];

/** RFC 7541, appendix A. */
const STATIC: readonly Field[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** What a field costs in tables and limits beside its text. */
const FIELD_OVERHEAD = 32;
/** SETTINGS_HEADER_TABLE_SIZE: what everybody may count on without being told. */
const TABLE_BYTES = 4096;
/** Most blocks that are remembered whole. */
const MAX_REMEMBERED = 64;
/** A block that only names fields by their places is no longer than this. */
const LONGEST_REMEMBERED = 64;

/** Reads the headers that one peer packs (RFC 7541). */
export class HeaderDecoder {
  readonly #maxListBytes: number;
  /** The newest first. */
  #table: Field[] = [];
  #tableBytes = 0;
  #limitBytes = TABLE_BYTES;
  /** Blocks that name all fields by their places, and what that meant while the table was as it is. */
  readonly #remembered = new Map<string, readonly Field[]>();

  /** @param maxListBytes most that the fields of one block may take, counted as the protocol does */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /**
   * @returns the fields in their order; not to be changed. Undefined where they take more than they may; the table is
   * kept up all the same
   * @throws Http2Error where the block is none
   */
  decode(block: Buffer): readonly Field[] | undefined {
    if (block.length > LONGEST_REMEMBERED) return this.#read(block);
    const key = block.toString('latin1');
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const fields = this.#read(block);
    if (fields !== undefined && block.every((byte) => byte > 0x80)) {
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(key, fields);
    }
    return fields;
  }

  #read(block: Buffer): readonly Field[] | undefined {
    const reader = new BlockReader(block);
    const fields: Field[] = [];
    let listBytes = 0;
    while (!reader.isAtEnd) {
      const first = reader.peek();
      let field: Field;
      if (first & 0x80) field = this.#at(reader.integer(7));
      else if ((first & 0xe0) === 0x20) {
        // Before the first field only.
        if (fields.length > 0) throw unreadable('the size of the table changes among the fields');
        this.#resize(reader.integer(5));
        continue;
      } else {
        const isKept = (first & 0x40) !== 0;
        const index = reader.integer(isKept ? 6 : 4);
        const name = index === 0 ? reader.text() : this.#at(index)[0];
        field = [name, reader.text()];
        if (isKept) this.#keep(field);
      }
      listBytes += sizeOf(field);
      if (listBytes <= this.#maxListBytes) fields.push(field);
    }
    return listBytes <= this.#maxListBytes ? fields : undefined;
  }

  #at(index: number): Field {
    const field = index <= STATIC.length ? STATIC[index - 1] : this.#table[index - 1 - STATIC.length];
    if (field === undefined) throw unreadable(`no field has the place ${index}`);
    return field;
  }

  #keep(field: Field): void {
    this.#table.unshift(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES) throw unreadable(`a table of ${bytes} bytes, of ${TABLE_BYTES} at most`);
    this.#limitBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    this.#remembered.clear();
    while (this.#tableBytes > this.#limitBytes) {
      const oldest = this.#table.pop();
      if (oldest === undefined) break;
      this.#tableBytes -= sizeOf(oldest);
    }
  }
}

class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? 0;
  }

  /** A whole number whose first bits are the last `bits` of a byte. */
  integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    // Four bytes more reach beyond anything that is allowed here.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw unreadable('a number of more than 28 bits');
  }

  text(): string {
    const isPacked = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#block.length) throw unreadable('a text that goes beyond its block');
    return isPacked
      ? unpackHuffman(this.#block.subarray(from, this.#at))
      : this.#block.toString('latin1', from, this.#at);
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw unreadable('a number that goes beyond its block');
    return byte;
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + FIELD_OVERHEAD;
}

function unreadable(what: string): Http2Error {
  return new Http2Error(ErrorCode.COMPRESSION_ERROR, `headers cannot be read: ${what}`);
}

const NAMES = new Map(STATIC.map(([name], i) => [name, i + 1]));
const WHOLE = new Map(STATIC.map(([name, value], i) => [`${name} ${value}`, i + 1]));

/** Headers as HPACK has them, each in full: nothing is remembered of what was sent before. Their text is latin1. */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  let block = '';
  for (const [name, value] of Object.entries(headers)) {
    const whole = WHOLE.get(`${name} ${value}`);
    const known = NAMES.get(name);
    if (whole !== undefined) block += integer(whole, 7, 0x80);
    else block += `${known === undefined ? `\0${text(name)}` : integer(known, 4)}${text(value)}`;
  }
  return Buffer.from(block, 'latin1');
}

function text(value: string): string {
  return integer(value.length, 7) + value;
}

/** A whole number, a character for each of its bytes, behind the bits that say what it is. */
function integer(value: number, bits: number, kind = 0): string {
  const most = 2 ** bits - 1;
  if (value < most) return String.fromCharCode(kind | value);
  let bytes = String.fromCharCode(kind | most);
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) bytes += String.fromCharCode((rest & 0x7f) | 0x80);
  return bytes + String.fromCharCode(rest);
}
