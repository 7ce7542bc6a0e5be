import { bytesOf, dieOf, dieTextWith } from '../../../support/dies.js';
import { FIELDS, IDS, VALUES } from './die-texts.js';

/** A request of the differential test. */
export interface Case {
  readonly title: string;
  readonly path: string;
  /** Lines of the head, but for the first one and content-length. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Whether it is one for the direct way. */
  readonly isPlain: boolean;
}

const PARAMETERS = 4;
const JSON_TYPE = 'content-type: application/json';
const BINARY_TYPE = 'content-type: application/octet-stream';
const GOOD = JSON.stringify(dieOf({}, PARAMETERS));
const ROW = bytesOf([0.001, 0.001, 0.001, 0.001]);

function caseOf(
  title: string,
  changes: Partial<Omit<Case, 'body'>> & { body?: string | Uint8Array } = {},
): Case {
  const { body = GOOD, ...others } = changes;
  const bytes = Buffer.from(body);
  const known = { title, path: '/predict', headers: ['host: diegate', JSON_TYPE], isPlain: true };
  return { ...known, ...others, body: bytes };
}

const withBody = (title: string, body: string | Uint8Array) => caseOf(`body: ${title}`, { body });
const withDie = (title: string, changes: Readonly<Record<string, unknown>>) =>
  withBody(title, JSON.stringify(dieOf(changes, PARAMETERS)));
const withHeader = (header: string, isPlain = true) =>
  caseOf(`header ${JSON.stringify(header)}`, { headers: ['host: diegate', JSON_TYPE, header], isPlain });
const withHeaders = (title: string, headers: readonly string[], isPlain = true) =>
  caseOf(title, { headers, isPlain });
const binary = (title: string, headers: readonly string[], body: Uint8Array = ROW) =>
  caseOf(`binary: ${title}`, { headers: ['host: diegate', BINARY_TYPE, ...headers], body });

const BODIES: readonly Case[] = [
  withBody('a die', GOOD),
  ...IDS.map((id) => withDie(`die_id ${JSON.stringify(id.slice(0, 40))} of ${id.length}`, { die_id: id })),
  ...VALUES.map((text) => withBody(`value ${text}`, dieTextWith(text, 2, PARAMETERS))),
  ...FIELDS.map(([name, value]) =>
    withDie(`${name} ${JSON.stringify(value).slice(0, 60)}`, Object.fromEntries([[name, value]])),
  ),
  ...[1, 10, 27, 40, GOOD.length - 1].map((bytes) => withBody(`cut at ${bytes}`, GOOD.slice(0, bytes))),
  ...['null', 'true', '7', '"a"', '[]', '{}', '[{}]', ' ', '{', '}', '\0', 'hello', '{"a":1}', '{,}'].map(
    (text) => withBody(JSON.stringify(text), text),
  ),
  withBody('a batch', `[${GOOD},${GOOD}]`),
  withBody('two dies', GOOD + GOOD),
  withBody('text behind it', `${GOOD}x`),
  withBody('space around it', ` \n\t${GOOD}\r\n `),
  withBody('a BOM', `\ufeff${GOOD}`),
  withBody('die_id twice', GOOD.replace('{', '{"die_id":"first",')),
  withBody('die_id as escapes', GOOD.replace('wafer', '\\u0077\\u0061fer')),
  withBody('a bad escape', GOOD.replace('wafer', '\\q')),
  withBody('a control character', GOOD.replace('wafer', '\u0001')),
  withBody('bytes that are no UTF-8', Buffer.from(GOOD.replace('wafer', '\xff\xfe'), 'latin1')),
  withBody('UTF-16', Buffer.from(GOOD, 'utf16le')),
  withBody('brackets', '['.repeat(5_000)),
  withBody('nested objects', `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`),
  withBody('60,000 bytes', `${GOOD}${' '.repeat(60_000 - GOOD.length)}`),
  withBody('a long unknown field', JSON.stringify(dieOf({ note: '漢'.repeat(5_000) }, PARAMETERS))),
  withBody('70,000 bytes', `${GOOD}${' '.repeat(70_000 - GOOD.length)}`),
  { ...withBody('beyond MAX_BODY_BYTES', ' '.repeat(150_000)), isPlain: false },
];

const HEADERS: readonly Case[] = [
  ...[
    '30000',
    '600000',
    ' 60000 ',
    '0',
    '-5',
    '+5',
    '05',
    '1.5',
    'soon',
    '600001',
    '9'.repeat(30),
    '5, 5',
    '',
  ].map((ms) => withHeader(`x-deadline-ms: ${ms}`)),
  ...[
    'mine-1',
    'A.b:c/d+e=f@g_h',
    'x'.repeat(128),
    'x'.repeat(129),
    'a b',
    'a"b',
    '<a>',
    '',
    ';',
    'a,b',
    '%0d%0a',
  ].map((id) => withHeader(`x-request-id: ${id}`)),
  ...['Basic YTpi', 'Bearer a', 'Bearer', ''].map((value) => withHeader(`authorization: ${value}`)),
  ...['a', ''].map((value) => withHeader(`x-api-key: ${value}`)),
  ...[
    'x-die-id: other',
    'x-x: 1.5',
    'x-lot-id: %zz',
    'X-EQUIPMENT-ID: a',
    'accept: text/html',
    'accept:',
  ].map((line) => withHeader(line)),
  ...[
    'user-agent: a/1 (b; "c")',
    'Accept-Encoding: gzip, br',
    'accept-language: de',
    'sec-fetch-mode: cors',
  ].map((line) => withHeader(line)),
  ...['connection: keep-alive', 'Connection:Keep-Alive', 'CONNECTION:   KEEP-ALIVE  '].map((line) =>
    withHeader(line),
  ),
  ...[
    'x-forwarded-for: 10.0.0.1, 10.0.0.2',
    'x-forwarded-for: <b>',
    'x-forwarded-proto: https',
    'X-Real-IP: a',
    'via: 1.1 a',
    'forwarded: for=a;host="b c"',
  ].map((line) => withHeader(line)),
  withHeaders(
    'x-forwarded-for twice',
    ['host: a', JSON_TYPE, 'x-forwarded-for: a', 'x-forwarded-for: b'],
    false,
  ),
  withHeader('content-encoding: gzip', false),
  withHeader('content-encoding: identity', false),
  withHeader('x-request-id: a\tb', false),
  withHeader('x-request-id: \xe9', false),
  withHeader('expect: the unexpected', false),
  withHeader('traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', false),
  withHeader('origin: http://evil', false),
  withHeader('__proto__: 1', false),
  withHeader('constructor: 1', false),
  withHeader('x-deadline-ms : 5', false),
  withHeader('connection: close', false),
  withHeaders('x-request-id twice', ['host: a', JSON_TYPE, 'x-request-id: a', 'x-request-id: b'], false),
  withHeaders('x-deadline-ms twice', ['host: a', JSON_TYPE, 'x-deadline-ms: 5', 'x-deadline-ms: 6'], false),
  withHeaders('no host', [JSON_TYPE], false),
  withHeaders('an empty host', ['host:', JSON_TYPE], false),
  withHeaders('two hosts', ['host: a', 'host: b', JSON_TYPE], false),
  withHeaders('a host that is none', ['host: a b/c?d', JSON_TYPE]),
  ...['application/json; charset=utf-8', 'Application/JSON; Charset=UTF-8', 'APPLICATION/JSON'].map((type) =>
    withHeaders(`content-type ${type}`, ['host: a', `content-type: ${type}`]),
  ),
  ...[
    'text/plain',
    'application/jsonx',
    'application/json;charset=utf-8',
    'application/json; charset=latin1',
    '',
    'a/b, c/d',
    '*/*',
  ].map((type) => withHeaders(`content-type ${type}`, ['host: a', `content-type: ${type}`], false)),
  withHeaders('no content-type', ['host: a'], false),
];

const PATHS: readonly Case[] = [
  ...[
    '/models/sum/predict',
    '/models/sum/versions/1/predict',
    '/models/nope/predict',
    '/models/sum/versions/9/predict',
  ],
  ...[
    '/models/nope/versions/1/predict',
    '/models/__proto__/predict',
    '/models/constructor/versions/toString/predict',
  ],
  ...[
    '/models/./predict',
    '/models/../predict',
    '/models/versions/predict',
    `/models/${'a'.repeat(128)}/predict`,
  ],
].map((path): Case => caseOf(`path ${path.slice(0, 60)} of ${path.length}`, { path }));

const OTHER_PATHS: readonly Case[] = [
  ...[
    '/predict/',
    '/predict?',
    '/predict?explain=1',
    '/predict?explain=x',
    '/predict#a',
    '//predict',
    '/Predict',
  ],
  ...[
    '/models/s%75m/predict',
    '/models/%ff/predict',
    `/models/${'a'.repeat(129)}/predict`,
    '/nowhere',
    '*',
    'http://a/predict',
  ],
].map((path): Case => caseOf(`path ${path.slice(0, 60)} of ${path.length}`, { path, isPlain: false }));

const BINARIES: readonly Case[] = [
  binary('a die', ['x-die-id: die-1']),
  binary('all labels', [
    ...[
      'x-die-id: d',
      'x-lot-id: l',
      'x-wafer-id: w%2F1',
      'x-x: 1',
      'x-y: -2',
      'x-equipment-id: t',
      'x-stdf-file: f',
    ],
  ]),
  binary('no id', []),
  ...['', '%zz', '%E6%BC%A2', 'a,b', 'x'.repeat(129), '%00', '%F0%9F%98%80', ' a '].map((id) =>
    binary(`id ${id.slice(0, 20)}`, [`x-die-id: ${id}`]),
  ),
  ...['1.5', '', 'a', '99999999999', '+1'].map((x) => binary(`x of ${x}`, ['x-die-id: a', `x-x: ${x}`])),
  ...[1, 4, 12, 15, 20, 32].map((bytes) =>
    binary(`${bytes} bytes`, ['x-die-id: a'], Buffer.concat([ROW, ROW]).subarray(0, bytes)),
  ),
  binary('NaN', ['x-die-id: a'], bytesOf([1, Number.NaN, 1, 1])),
  binary('infinities', ['x-die-id: a'], bytesOf([Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY, 1])),
  binary('x-deadline-ms that is none', ['x-die-id: a', 'x-deadline-ms: x']),
  binary('wrong in everything', ['x-die-id:', 'x-x: a', 'x-deadline-ms: x'], bytesOf([1])),
];

const batch = (title: string, body: string | Uint8Array, headers: readonly string[] = []) =>
  caseOf(`batch: ${title}`, {
    path: '/predict/batch',
    headers: ['host: diegate', JSON_TYPE, ...headers],
    body,
  });
const binaryBatch = (title: string, headers: readonly string[], body: Uint8Array = rowsOf(3)) =>
  caseOf(`binary batch: ${title}`, {
    path: '/predict/batch',
    headers: ['host: diegate', BINARY_TYPE, ...headers],
    body,
  });
const rowsOf = (dies: number) => Buffer.concat(Array.from({ length: dies }, () => ROW));
const diesOf = (dies: number) => `[${Array.from({ length: dies }, () => GOOD).join(',')}]`;
const idsOf = (dies: number) => Array.from({ length: dies }, (_, i) => `die-${i}`).join(',');

const BATCHES: readonly Case[] = [
  ...[1, 2, 64, 65, 500].map((dies) => batch(`${dies} dies`, diesOf(dies))),
  ...['[]', '{}', GOOD, 'null', '[1]', `[${GOOD},]`, `[${GOOD}`, `[${GOOD}]x`, `[${GOOD} ${GOOD}]`].map(
    (text) => batch(text.replaceAll(GOOD, 'die'), text),
  ),
  batch('one die of three is wrong', `[${GOOD},${dieTextWith('"a"', 2, PARAMETERS)},${GOOD}]`),
  batch(
    'all dies are wrong',
    `[${Array(30)
      .fill(dieTextWith('1e99', 0, PARAMETERS))
      .join(',')}]`,
  ),
  batch('spaced', ` [ ${GOOD} ,\n${GOOD} ] \n`),
  batch(
    'ids that need JSON',
    JSON.stringify(['"', '漢字', '😀', 'a b'].map((id) => dieOf({ die_id: id }, PARAMETERS))),
  ),
  batch('x-die-ids with JSON', diesOf(2), ['x-die-ids: a,b']),
  batch('a deadline', diesOf(3), ['x-deadline-ms: 30000']),
  batch('a deadline that is none', diesOf(3), ['x-deadline-ms: soon']),
  binaryBatch('ids', [`x-die-ids: ${idsOf(3)}`]),
  binaryBatch('no ids', []),
  binaryBatch('labels of all', [
    `x-die-ids: ${idsOf(3)}`,
    'x-lot-id: l',
    'x-wafer-id: w',
    'x-equipment-id: t',
  ]),
  binaryBatch('500 dies', [`x-die-ids: ${idsOf(500)}`], rowsOf(500)),
  binaryBatch('too few ids', ['x-die-ids: a,b']),
  ...['', ',,', 'a,%zz,b', 'a,%E6%BC%A2, b ', `a,${'x'.repeat(129)},b`].map((ids) =>
    binaryBatch(`ids ${JSON.stringify(ids.slice(0, 20))}`, [`x-die-ids: ${ids}`]),
  ),
  ...[1, 15, 17].map((bytes) => binaryBatch(`${bytes} bytes`, [], rowsOf(2).subarray(0, bytes))),
  binaryBatch('infinities', [], bytesOf([1, 1, 1, 1, 1, Number.POSITIVE_INFINITY, 1, Number.NaN])),
  ...['/models/sum/predict/batch', '/models/sum/versions/1/predict/batch', '/models/nope/predict/batch'].map(
    (path) => caseOf(`path ${path}`, { path, body: diesOf(2) }),
  ),
  ...['/predict/batch/', '/predict/batch?explain=1', '/predict/batches'].map((path) =>
    caseOf(`path ${path}`, { path, body: diesOf(2), isPlain: false }),
  ),
  { ...batch('beyond MAX_BODY_BYTES', diesOf(2_000)), isPlain: false },
];

export const CASES: readonly Case[] = [
  ...BODIES,
  ...HEADERS,
  ...PATHS,
  ...OTHER_PATHS,
  ...BINARIES,
  ...BATCHES,
];

/** Of callers who are asked who they are. */
export function keyCases(keys: Readonly<Record<string, string>>): readonly Case[] {
  const secrets = Object.entries({ ...keys, unknown: 'nobody-knows', empty: '', spaced: ' a b ' });
  return [
    withHeaders('no credential', ['host: a', JSON_TYPE], false),
    ...secrets.flatMap(([name, key]) => [
      withHeaders(`x-api-key ${name}`, ['host: a', JSON_TYPE, `x-api-key: ${key}`], name === 'good'),
      withHeaders(`bearer ${name}`, ['host: a', JSON_TYPE, `authorization: Bearer ${key}`], name === 'good'),
      withHeaders(
        `password ${name}`,
        ['host: a', JSON_TYPE, `Authorization: Basic ${btoa(`a:${key}`)}`],
        false,
      ),
    ]),
    withHeaders('both', ['host: a', JSON_TYPE, `x-api-key: ${keys.good}`, 'authorization: Bearer x'], true),
    caseOf('good key, no such model', {
      path: '/models/nope/predict',
      headers: ['host: a', JSON_TYPE, `x-api-key: ${keys.good}`],
    }),
    caseOf('no key, no such model', { path: '/models/nope/predict', isPlain: false }),
    caseOf('good key, bad die', { body: '{', headers: ['host: a', JSON_TYPE, `x-api-key: ${keys.good}`] }),
  ];
}
