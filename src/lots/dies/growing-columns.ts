/** A typed array that grows: numbers of many parts, in as many bytes as they need. */
interface GrowingColumn {
  push(value: number): void;
  set(at: number, value: number): void;
  at(at: number): number;
}

const INITIAL_ROOM = 1024;

type Numbers = Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float64Array;

/** @param make such as `(room) => new Uint32Array(room)` */
export function growingColumn(make: (room: number) => Numbers): GrowingColumn {
  let values = make(INITIAL_ROOM);
  let length = 0;
  return {
    push(value) {
      if (length === values.length) {
        const more = make(length + (length >> 1));
        more.set(values);
        values = more;
      }
      values[length++] = value;
    },
    set(at, value) {
      values[at] = value;
    },
    at: (at) => values[at] ?? Number.NaN,
  };
}

/** Texts of many parts as UTF-8, one behind the other. */
interface TextColumn {
  push(text: string | undefined): void;
  at(at: number): string | undefined;
}

/** Longest text by UTF-8: three bytes for a UTF-16 unit. */
const MOST_BYTES = 3;

export function textColumn(): TextColumn {
  let bytes = Buffer.allocUnsafeSlow(INITIAL_ROOM);
  let used = 0;
  const ends = growingColumn((room) => new Float64Array(room));
  return {
    push(text) {
      // A text that is missing is told from an empty one by a byte that UTF-8 has not.
      const most = text === undefined ? 1 : MOST_BYTES * text.length;
      if (used + most > bytes.length) {
        const more = Buffer.allocUnsafeSlow(Math.max(used + most, bytes.length + (bytes.length >> 1)));
        bytes.copy(more, 0, 0, used);
        bytes = more;
      }
      if (text === undefined) bytes[used++] = MISSING;
      else used += bytes.write(text, used);
      ends.push(used);
    },
    at(at) {
      const from = at === 0 ? 0 : ends.at(at - 1);
      const to = ends.at(at);
      return to === from + 1 && bytes[from] === MISSING ? undefined : bytes.toString('utf8', from, to);
    },
  };
}

const MISSING = 0xff;
