import http, { type IncomingHttpHeaders } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KnownHeads } from '../../../../src/doors/http/direct/request-head.js';
import { GOOD_LINES, generatedHeads, headOf, mutationsOf } from './heads.js';

// One for all heads, as at a door: what is remembered of one must not answer for another.
const heads = new KnownHeads();
const readHead = (bytes: Buffer) => heads.read(bytes);

/** The good head with lines replaced by name, left out where undefined, or added. */
function changed(changes: Readonly<Record<string, string | undefined>>, ...added: string[]): Buffer {
  const lines = GOOD_LINES.flatMap((line) => {
    const [found] = Object.keys(changes).filter((start) =>
      line.toLowerCase().startsWith(start.toLowerCase()),
    );
    if (found === undefined) return [line];
    const replacement = changes[found];
    return replacement === undefined ? [] : [replacement];
  });
  return headOf([...lines, ...added]);
}

describe('a head is plain', () => {
  test('as testers send it', () => {
    const bytes = headOf(GOOD_LINES);
    expect(readHead(Buffer.concat([bytes, Buffer.from('{"die_id":1}')]))).toEqual({
      bytes: bytes.length,
      path: '/models/sum/predict',
      media: 'json',
      contentLength: 12,
      headers: {
        host: 'diegate:8080',
        'user-agent': 'tester/1.0 (cell 7; "x")',
        accept: '*/*',
        'accept-encoding': 'gzip, deflate',
        connection: 'keep-alive',
        'content-type': 'application/json',
        'content-length': '12',
        'x-request-id': 'request-1',
        'x-deadline-ms': '250',
      },
    });
  });

  test.each([
    ['names in capitals', changed({ host: 'HOST: a' })],
    ['no space before a value', changed({ host: 'host:a' })],
    ['many spaces around a value', changed({ 'content-length': 'content-length:    12   ' })],
    ['an empty value that may be empty', changed({ 'x-request-id': 'x-request-id:' })],
    ['no connection header', changed({ connection: undefined })],
    ['keep-alive in capitals', changed({ connection: 'Connection: Keep-Alive' })],
    ['binary', changed({ 'content-type': 'content-type: application/octet-stream' })],
    ['a charset', changed({ 'content-type': 'Content-Type: application/json; charset=UTF-8' })],
    ['what proxies add', changed({}, 'x-forwarded-for: 10.0.0.1, 10.0.0.2', 'via: 1.1 a')],
    ['a length of nine digits', changed({ 'content-length': 'content-length: 999999999' })],
  ])('with %s', (_, bytes) => {
    expect(readHead(bytes)).toMatchObject({ path: '/models/sum/predict', bytes: bytes.length });
  });
});

describe('a head is not plain', () => {
  const line = (first: string) => changed({ POST: first });
  test.each([
    ['another method', line('GET /predict HTTP/1.1')],
    ['a method in small letters', line('post /predict HTTP/1.1')],
    ['HTTP/1.0', line('POST /predict HTTP/1.0')],
    ['HTTP/2.0', line('POST /predict HTTP/2.0')],
    ['no version', line('POST /predict')],
    ['two spaces before the path', line('POST  /predict HTTP/1.1')],
    ['two spaces behind the path', line('POST /predict  HTTP/1.1')],
    ['a space within the path', line('POST /pre dict HTTP/1.1')],
    ['a tab for a space', line('POST\t/predict HTTP/1.1')],
    ['a space behind the version', line('POST /predict HTTP/1.1 ')],
    ['a space before the method', line(' POST /predict HTTP/1.1')],
    ['an 8-bit byte in the path', line('POST /predict\xe9 HTTP/1.1')],
    ['the absolute form', line('POST http://diegate/predict HTTP/1.1')],
    ['the asterisk form', line('POST * HTTP/1.1')],
    ['no path', line('POST  HTTP/1.1')],
    ['an empty line before it', Buffer.concat([Buffer.from('\r\n'), headOf(GOOD_LINES)])],
    ['no host', changed({ host: undefined })],
    ['an empty host', changed({ host: 'Host:' })],
    ['a host of spaces', changed({ host: 'Host:   ' })],
    ['two hosts', changed({}, 'host: b')],
    ['the same host twice', changed({}, 'host: diegate:8080')],
    ['an empty header twice', changed({ 'x-deadline': 'x-deadline-ms:' }, 'x-deadline-ms:')],
    ['no content-length', changed({ 'content-length': undefined })],
    ['an empty content-length', changed({ 'content-length': 'content-length:' })],
    ['a content-length of 0', changed({ 'content-length': 'content-length: 0' })],
    ...['+5', '-5', '05', '5, 5', '5,5', '0x5', '5e0', '5.0', '5 5', '٥', '1234567890', '5;', '"5"'].map(
      (length): [string, Buffer] => [
        `a content-length of ${length}`,
        changed({ 'content-length': `content-length: ${length}` }),
      ],
    ),
    ['two content-lengths', changed({}, 'content-length: 12')],
    ['a transfer-encoding beside it', changed({}, 'transfer-encoding: chunked')],
    ['a transfer-encoding of identity', changed({}, 'transfer-encoding: identity')],
    ['an expectation', changed({}, 'expect: 100-continue')],
    ['an upgrade', changed({}, 'upgrade: h2c')],
    ['connection: close', changed({ connection: 'connection: close' })],
    ['an empty connection header', changed({ connection: 'connection:' })],
    ['a list of connection options', changed({ connection: 'connection: keep-alive, x-deadline-ms' })],
    ['a content-encoding', changed({}, 'content-encoding: gzip')],
    ['a traceparent', changed({}, 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')],
    ['an origin', changed({}, 'origin: http://a')],
    ['forwarded for somebody twice', changed({}, 'x-forwarded-for: a', 'X-Forwarded-For: b')],
    ['an unknown header', changed({}, 'x-other: 1')],
    ['__proto__ for a name', changed({}, '__proto__: 1')],
    ['constructor for a name', changed({}, 'constructor: 1')],
    ['no name', changed({}, ': 1')],
    ['no colon', changed({}, 'x-x')],
    ['a space before the colon', changed({ host: 'Host : a' })],
    ['a tab before the colon', changed({ host: 'Host\t: a' })],
    ['a folded line', changed({}, 'x-lot-id: a', ' b')],
    ['a folded line first', headOf([GOOD_LINES[0] ?? '', ' x-x: 1', ...GOOD_LINES.slice(1)])],
    ['a tab in a value', changed({ accept: 'accept:\t*/*' })],
    ['an 8-bit byte in a value', changed({}, 'x-die-id: \xe9')],
    ['an 8-bit byte in a name', changed({}, 'x-\xe9: a')],
    ['DEL in a value', changed({}, 'x-die-id: \x7f')],
    ['NUL in a value', changed({}, 'x-die-id: a\0')],
    ['a bare LF', changed({}, 'x-die-id: a\nx-x: 1')],
    ['a bare CR', changed({}, 'x-die-id: a\rx-x: 1')],
    ['lines that end with LF', Buffer.from(headOf(GOOD_LINES).toString('latin1').replaceAll('\r\n', '\n'))],
    ['no media type', changed({ 'content-type': undefined })],
    ['another media type', changed({ 'content-type': 'content-type: text/plain' })],
    ['another charset', changed({ 'content-type': 'content-type: application/json; charset=utf-16' })],
    ['another parameter', changed({ 'content-type': 'content-type: application/json; a=b' })],
    ['more than 60,000 bytes', changed({}, `x-die-ids: ${'a'.repeat(60_000)}`)],
    ['only a part of it', headOf(GOOD_LINES).subarray(0, -1)],
    ['nothing', Buffer.alloc(0)],
  ] satisfies readonly [string, Buffer][])('with %s', (_, bytes) => {
    expect(readHead(bytes)).toBeUndefined();
  });
});

/** What node:http reads. */
interface NodeReading {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: number;
  readonly body: string;
}

/** Reads bytes by the server of node:http, each time on a connection of its own; undefined what it refuses. */
function createNodeReader(): (bytes: Buffer) => Promise<NodeReading | undefined> {
  const server = http.createServer({ requireHostHeader: false });
  return (bytes) =>
    new Promise((resolve) => {
      const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      server.removeAllListeners('request').removeAllListeners('clientError');
      server.once('clientError', () => resolve(undefined));
      server.once('request', (request) => {
        const { method, url: path, headers, rawHeaders } = request;
        let body = '';
        request.setEncoding('latin1').on('data', (chunk) => {
          body += String(chunk);
        });
        request.once('end', () => {
          resolve({ method, path, headers, rawHeaders: rawHeaders.length / 2, body });
          stream.destroy();
        });
      });
      server.emit('connection', stream);
      stream.push(bytes);
    });
}

describe('what is accepted is read the same by node:http', () => {
  const readByNode = createNodeReader();

  async function expectSame(bytes: Buffer): Promise<boolean> {
    const head = readHead(bytes);
    if (head === undefined) return false;
    const body = 'x'.repeat(head.contentLength);
    const whole = Buffer.concat([bytes.subarray(0, head.bytes), Buffer.from(body)]);
    expect(await readByNode(whole)).toEqual({
      method: 'POST',
      path: head.path,
      headers: head.headers,
      rawHeaders: Object.keys(head.headers).length,
      body,
    });
    return true;
  }

  test('after changes of its bytes', async () => {
    let accepted = 0;
    const mutations = mutationsOf(headOf([...GOOD_LINES, `x-die-id: ${'lot-7%2Fwafer-12'.repeat(20)}`]));
    await fc.assert(
      fc.asyncProperty(mutations, async (bytes) => {
        if (await expectSame(bytes)) accepted++;
      }),
      { numRuns: 20_000 },
    );
    // Else the property would say nothing.
    expect(accepted).toBeGreaterThan(3_000);
  });

  test('with any headers, in any order', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(generatedHeads, async (bytes) => {
        if (await expectSame(bytes)) accepted++;
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});

describe('a head like one before, but for its ids', () => {
  const withIds = (...lines: string[]) =>
    readHead(changed({ 'x-request-id': undefined }, 'x-lot-id: L1', ...lines));

  test.each([
    ['x-die-id', 'd2'],
    ['x-die-ids', 'a,b%2Cc'],
    ['x-request-id', ''],
  ])('has its own %s', (name, value) => {
    withIds(`${name}: first`);
    const bytes = changed({ 'x-request-id': undefined }, 'x-lot-id: L1', `${name}:  ${value} `);
    expect(readHead(bytes)).toEqual(new KnownHeads().read(bytes));
    expect(readHead(bytes)).toMatchObject({
      bytes: bytes.length,
      headers: { [name]: value, 'x-lot-id': 'L1' },
    });
  });

  test('has all of them, whatever the case of their names', () => {
    withIds('X-Die-Id: a', 'X-Request-Id: r');
    expect(withIds('X-Die-Id: b', 'X-Request-Id: s')?.headers).toMatchObject({
      'x-die-id': 'b',
      'x-request-id': 's',
    });
  });

  test('is not plain where its id is not, or is there twice', () => {
    withIds('x-die-id: a');
    expect(withIds('x-die-id: \\xe9')?.headers['x-die-id']).toBe('\\xe9');
    expect(withIds('x-die-id: \xe9')).toBeUndefined();
    expect(withIds('x-die-id: a\t')).toBeUndefined();
    expect(withIds('x-die-id: a', 'x-die-id: b')).toBeUndefined();
  });

  test('is another where the text is a part of another line', () => {
    withIds('x-die-id: a', 'user-agent: b');
    expect(withIds('user-agent: x-die-id: c')?.headers['x-die-id']).toBeUndefined();
  });
});
