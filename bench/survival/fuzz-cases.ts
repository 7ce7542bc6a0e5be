import { Buffer } from 'node:buffer';

/** One request to send, whole or broken. */
export interface FuzzCase {
  readonly kind: string;
  readonly bytes: Buffer;
  /** Whether the answer has no body whatever it says. */
  readonly isHead: boolean;
  /**
   * Whether it is one whole HTTP request, which must be answered and leaves the connection in step. After one
   * that is not, nothing more can be expected of the connection.
   */
  readonly isWhole: boolean;
  /** What the answer must contain if it is a 200, which it must be unless the queue is full; undefined for anything. */
  readonly expected?: string;
}

export interface FuzzInputs {
  /** A die that the model takes, as JSON. */
  readonly example: string;
  /** A part of the answer to it that says how it was scored, to the last bit. */
  readonly scored: string;
  readonly model: string;
  readonly key: string;
}

type Random = () => number;
type Headers = [name: string, value: string][];

/** Longest body that a case has, but for the few that are too large on purpose. */
const LARGE_BYTES = 100_000;

const WEIRD_VALUES = [
  'null', 'true', '""', '[]', '{}', 'NaN', '-Infinity', '1e999', '-1e-999', '-0', '0x10', '01', '1.', '.5',
  '1e5', '123456789012345678901234567890', '"\\ud800"', '"\\u0000"', '"\u{1f600}"', '[[[[[[[[]]]]]]]]', '3.5e38',
  '{"__proto__": {"a": 1}}', '"a\\', '\u0000',
]; // biome-ignore format: a table
const WEIRD_HEADERS: Headers = [
  ['x-deadline-ms', '0'], ['x-deadline-ms', '1'], ['x-deadline-ms', '-5'], ['x-deadline-ms', '1e3'],
  ['x-deadline-ms', '99999999999999999999'], ['x-deadline-ms', ''], ['x-request-id', 'a'.repeat(5000)],
  ['x-request-id', '{"level":"error"}'], ['x-request-id', '\u00ff\u00fe'], ['x-die-id', '%00%ff'], ['x-die-id', ','],
  ['x-die-ids', ','.repeat(3000)], ['content-type', 'text/plain'], ['content-type', 'application/json; charset=utf-16'],
  ['content-type', ';;;'], ['content-type', ''], ['content-encoding', 'gzip'], ['content-encoding', 'identity'],
  ['accept', '*/*;q=9'], ['accept', 'application/openmetrics-text; version=9'], ['accept-encoding', 'br'],
  ['x-api-key', ''], ['x-api-key', 'wrong'], ['authorization', 'Bearer'], ['authorization', 'Basic x'],
  ['expect', '100-continue'], ['expect', 'nonsense'], ['host', ''], ['host', 'a b'], ['connection', 'close'],
  ['connection', 'keep-alive, x'], ['cookie', 'a='.repeat(2000)], ['range', 'bytes=0-0'], ['if-none-match', '*'],
  ['x-forwarded-for', '::::'], ['origin', 'null'], ['traceparent', '00-0-0-00'], ['te', 'trailers'],
]; // biome-ignore format: a table
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'REPORT'];
const QUERIES = [
  '',
  '?explain=3',
  '?explain=-1',
  '?explain=999999',
  '?explain=',
  '?explain=1&explain=2',
  '?%',
  '?a=%ff',
  '??',
];
const BROKEN = [
  'hello\r\n\r\n', 'GET /health HTTP/9.9\r\nhost: a\r\n\r\n', 'GET /health\r\n\r\n', '\r\n\r\n\r\n\u0000',
  'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n',
  'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd',
  'POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'POST /predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  'GET / HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\n folded: z\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\u0016\u0003\u0001\u0000\u00c8\u0001',
  'GET http://[::1 HTTP/1.1\r\nhost: a\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\nx: \u0001\r\n\r\n',
]; // biome-ignore format: a table

/** An endless, repeatable stream of requests: valid ones, changed in all ways that a request has. */
export function createFuzzer(random: Random, { example, scored, model, key }: FuzzInputs): () => FuzzCase {
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T => {
    const found = from[below(from.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  };
  const exampleBytes = Buffer.from(example);
  const batchBytes = Buffer.from(`[${example},${example}]`);
  const small = Buffer.from('{"die_id": "d", "wafer_id": "w", "x": 1, "test_params": [0.5, -1.25, 3e2]}');
  const paths = [
    '/predict', '/predict/batch', `/models/${model}/predict`, `/models/${model}/versions/1/predict`,
    `/models/${model}/versions/2/predict/batch`, `/models/${model}`, `/models/${model}/example`, '/models',
    '/health', '/ready', '/', '/metrics', '/docs', '/docs/', '/docs/static/index.css', '/openapi.json',
    `/models/${model}/versions/1`, `/models/${model}/experiments`, '/v2', '/v2/health/ready', '/v2/models',
    `/v2/models/${model}`, `/v2/models/${model}/infer`, `/v2/models/${model}/versions/1/infer`,
    `/v2/repository/models/${model}/load`, `/admin/models/${model}/versions/2/load`,
    `/admin/models/${model}/versions/2/unload`, `/admin/models/${model}/versions/2/promote`,
    `/admin/models/${model}/versions/1/promote`, `/admin/models/${model}/rollback`, `/admin/models/${model}/split`,
    `/admin/models/${model}/shadow`, `/admin/models/${model}/canary`, `/admin/models/none/versions/1/load`,
  ]; // biome-ignore format: a table
  const predicts = paths.slice(0, 5);
  const adminBodies = [
    '{"key": "wafer_id", "weights": {"1": 50, "2": 50}}', '{"versions": ["2"]}', '{"versions": []}', '{"to": "2"}',
    '{"weights": {"9": 1}}', '[]', '',
  ]; // biome-ignore format: a table

  const json: Headers = [['content-type', 'application/json']];
  const octets: Headers = [['content-type', 'application/octet-stream'], ['x-die-id', 'd']]; // biome-ignore format: short
  const keyed = (): Headers => (random() < 0.95 ? [['x-api-key', key]] : []);

  /** Changes some bytes: flipped, taken out, put in, said twice, cut off, or a value replaced by a weird one. */
  const mutate = (body: Buffer): Buffer => {
    let bytes = Buffer.from(body);
    for (let i = below(4); i >= 0; i--) {
      const at = below(bytes.length + 1);
      const rest = bytes.subarray(Math.min(bytes.length, at + 1 + below(12)));
      const before = bytes.subarray(0, at);
      switch (below(7)) {
        case 0:
          if (at < bytes.length) bytes[at] = below(256);
          break;
        case 1:
          bytes = Buffer.concat([before, rest]);
          break;
        case 2:
          bytes = Buffer.concat([before, Buffer.from(pick(WEIRD_VALUES)), bytes.subarray(at)]);
          break;
        case 3:
          bytes = Buffer.concat([before, bytes.subarray(Math.max(0, at - below(200))), rest]);
          break;
        case 4:
          bytes = Buffer.from(before);
          break;
        case 5:
          bytes = Buffer.concat([
            before,
            Buffer.from(pick(['"', '[', ']', '{', '}', ',', ':', '\\', ' ', '\n'])),
            rest,
          ]);
          break;
        default: {
          const text = bytes.toString('latin1');
          const comma = text.indexOf(',', at);
          const end = text.indexOf(',', comma + 1);
          if (comma >= 0 && end > comma)
            bytes = Buffer.concat([
              bytes.subarray(0, comma + 1),
              Buffer.from(pick(WEIRD_VALUES)),
              bytes.subarray(end),
            ]);
        }
      }
      if (bytes.length > LARGE_BYTES) bytes = Buffer.from(bytes.subarray(0, LARGE_BYTES));
    }
    return bytes;
  };
  const someBody = (): Buffer => {
    const which = random();
    return which < 0.3 ? exampleBytes : which < 0.4 ? batchBytes : small;
  };
  const floats = (): Buffer => {
    const values = Float32Array.from(
      { length: pick([0, 1, 511, 512, 512, 512, 513, 1024]) },
      () => random() * 4 - 2,
    );
    if (random() < 0.3) values.fill(pick([Number.NaN, Number.POSITIVE_INFINITY, 3e38, -0]), 0, below(3));
    const bytes = Buffer.from(values.buffer);
    return random() < 0.1 ? bytes.subarray(0, Math.max(0, bytes.length - 1)) : bytes;
  };
  const somePath = (): string => {
    const path = pick(paths) + pick(QUERIES);
    const at = below(path.length);
    switch (below(8)) {
      case 0:
        return `${path.slice(0, at)}${pick(['/', '//', '%2f', '%00', '%', '%zz', '..', '/../', '*', 'a'.repeat(400), ';', '\u00e9'])}${path.slice(at)}`;
      case 1:
        return path.toUpperCase();
      case 2:
        return `/${path.slice(at)}`;
      default:
        return path;
    }
  };

  const request = (
    kind: string,
    method: string,
    path: string,
    headers: Headers,
    body: Buffer,
    isWhole = true,
  ): FuzzCase => {
    const version = random() < 0.01 ? '1.0' : '1.1';
    const lines = [['host', '127.0.0.1'], ...headers]
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    const head = Buffer.from(`${method} ${path} HTTP/${version}\r\n${lines}\r\n`, 'latin1');
    return { kind, bytes: Buffer.concat([head, body]), isHead: method === 'HEAD', isWhole };
  };
  const measured = (kind: string, method: string, path: string, headers: Headers, body: Buffer) =>
    request(kind, method, path, [...headers, ['content-length', String(body.length)]], body);

  const chunked = (): FuzzCase => {
    const body = random() < 0.5 ? someBody() : mutate(someBody());
    const parts: Buffer[] = [];
    for (let at = 0; at < body.length; ) {
      const size = 1 + below(random() < 0.1 ? 3 : 4000);
      const part = body.subarray(at, at + size);
      const extension = random() < 0.05 ? ';a="b"' : '';
      parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from('\r\n'));
      at += size;
      // Hundreds of tiny chunks say no more than some.
      if (parts.length > 300) break;
    }
    const isWhole = random() < 0.85;
    const end = isWhole
      ? pick(['0\r\n\r\n', '0\r\nx-trailer: a\r\n\r\n', '000\r\n\r\n'])
      : pick(['zz\r\n', '-1\r\n', '5\r\nab', 'ffffffffffffffffff\r\n']);
    const headers: Headers = [...keyed(), ...json, ['transfer-encoding', 'chunked']];
    return request(
      'chunked',
      'POST',
      pick(predicts),
      headers,
      Buffer.concat([...parts, Buffer.from(end)]),
      isWhole,
    );
  };
  const headed = (): FuzzCase => {
    const extra = Array.from({ length: 1 + below(4) }, () => pick(WEIRD_HEADERS));
    const isBinary = random() < 0.3;
    const headers = [...keyed(), ...(isBinary ? octets : json), ...extra];
    return measured('headers', 'POST', pick(predicts), headers, isBinary ? floats() : someBody());
  };
  const elsewhere = (): FuzzCase => {
    const method = pick(METHODS);
    const hasBody = method !== 'GET' && method !== 'HEAD' && random() < 0.7;
    const body = hasBody
      ? random() < 0.5
        ? Buffer.from(pick(adminBodies))
        : mutate(small)
      : Buffer.alloc(0);
    const headers: Headers = [...keyed(), ...(hasBody ? json : [])];
    const path = somePath();
    // A raw blank ends the path, and what follows is no HTTP version.
    return hasBody
      ? measured('path', method, path, headers, body)
      : request('path', method, path, headers, body);
  };
  const truncated = (): FuzzCase => {
    const whole = measured('truncated', 'POST', pick(predicts), [...keyed(), ...json], someBody());
    return { ...whole, bytes: whole.bytes.subarray(0, below(whole.bytes.length)), isWhole: false };
  };
  const broken = (): FuzzCase => {
    const bytes = random() < 0.5 ? Buffer.from(pick(BROKEN), 'latin1') : mutate(headed().bytes);
    return { kind: 'broken', bytes, isHead: false, isWhole: false };
  };
  const tooLarge = (): FuzzCase => {
    const body = Buffer.alloc(LARGE_BYTES, ' ');
    return measured('too large', 'POST', pick(predicts), [...keyed(), ...json], body);
  };

  /** The die that the model takes, as it is: what is sent beside it must not touch it. */
  const valid = (): FuzzCase => ({
    ...measured('valid', 'POST', '/predict', [['x-api-key', key], ...json], exampleBytes),
    expected: scored,
  });

  return () => {
    const which = random();
    if (which < 0.15) return valid();
    if (which < 0.45)
      return measured('json', 'POST', pick(predicts), [...keyed(), ...json], mutate(someBody()));
    if (which < 0.53) return measured('binary', 'POST', pick(predicts), [...keyed(), ...octets], floats());
    if (which < 0.67) return headed();
    if (which < 0.8) return elsewhere();
    if (which < 0.92) return chunked();
    if (which < 0.95) return truncated();
    if (which < 0.9995) return broken();
    return tooLarge();
  };
}
