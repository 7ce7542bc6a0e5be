import fc from 'fast-check';

/** A head as testers send it. */
export const GOOD_LINES: readonly string[] = [
  'POST /models/sum/predict HTTP/1.1',
  'Host: diegate:8080',
  'User-Agent: tester/1.0 (cell 7; "x")',
  'Accept: */*',
  'Accept-Encoding: gzip, deflate',
  'Connection: keep-alive',
  'Content-Type: application/json',
  'Content-Length: 12',
  'X-Request-Id: request-1',
  'x-deadline-ms: 250',
];

/** The bytes of a head with the empty line behind it. */
export function headOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

const byte = fc.oneof(
  fc.constantFrom(...Buffer.from('\0\t\n\r :,;/?#+-_.0159azAZ\x7f\x80\xe9\xff', 'latin1')),
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(...Buffer.from('abcxyzABC0123456789%/-.')),
);

/** One change of bytes at a place, which is a share of the whole (a double would mostly be next to 0). */
const change = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'remove', 'duplicate', 'swap' as const),
  at: fc.noBias(fc.integer({ min: 0, max: 9_999 })),
  byte,
  length: fc.integer({ min: 1, max: 8 }),
});

type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

function changedBy(bytes: Buffer, { kind, at, byte: value, length }: Change): Buffer {
  const place = Math.floor((at / 10_000) * bytes.length);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (kind) {
    case 'replace':
      return Buffer.concat([before, Buffer.of(value), after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.of(value), after]);
    case 'remove':
      return Buffer.concat([before, after.subarray(length)]);
    case 'duplicate':
      return Buffer.concat([before, after.subarray(0, length), after]);
    case 'swap':
      return Buffer.concat([before, after.subarray(length), after.subarray(0, length)]);
  }
}

/** Bytes that differ from the given ones at one to three places. */
export function mutationsOf(bytes: Buffer): fc.Arbitrary<Buffer> {
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });
  return changes.map((several) => several.reduce(changedBy, bytes));
}

const names = fc.constantFrom(
  ...['host', 'Host', 'user-agent', 'ACCEPT', 'connection', 'content-type', 'Content-Length'],
  ...['transfer-encoding', 'authorization', 'x-api-key', 'X-REQUEST-ID', 'x-deadline-ms', 'x-die-id', 'x-x'],
  ...['expect', 'upgrade', 'cookie', '__proto__', 'constructor', 'toString', 'x other', ''],
);
const values = fc.oneof(
  fc.constantFrom('keep-alive', 'close', 'application/json', 'application/octet-stream', 'chunked', 'a'),
  fc.constantFrom('5', '+5', '-5', '05', '5, 5', '0x5', '5 ', '\t5', '5.0', '', 'identity', '100-continue'),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
);
const separators = fc.constantFrom(': ', ':', ' : ', ':\t', ':  ', '');

const line = fc.tuple(names, separators, values).map((parts) => parts.join(''));

/** Heads of the good lines and others, in any order. */
export const generatedHeads: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.subarray(GOOD_LINES.slice(1), { minLength: 6 }),
    fc.array(line, { maxLength: 3 }),
    fc.infiniteStream(fc.nat()),
  )
  .map(([good, others, order]) => {
    const lines = [...good];
    for (const other of others) lines.splice((order.next().value ?? 0) % (lines.length + 1), 0, other);
    return headOf([GOOD_LINES[0] ?? '', ...lines]);
  });
