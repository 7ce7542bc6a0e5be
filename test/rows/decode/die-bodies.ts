import type { MeasurementContract } from '../../../src/die/die.js';
import type { Dice } from './harness.js';

// Bodies that are plainly valid, and ways to spoil them.

const ID_CHARACTERS = [...' !#$%&()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz|~'];

function id(dice: Dice): string {
  const length = dice.pick([1, 5, 15, 127, 128]);
  return Array.from({ length }, () => dice.pick(ID_CHARACTERS)).join('');
}

function value(dice: Dice, acceptsMissing: boolean): string {
  if (acceptsMissing && dice.chance(0.2)) return 'null';
  const plain = (dice.fraction() * 20 - 10).toFixed(dice.whole(0, 6));
  return dice.pick([plain, plain, JSON.stringify(dice.fraction()), '0', '-0', '1e-46', '-1.5E+3', '2.5e-9']);
}

function fields(dice: Dice, contract: MeasurementContract): [key: string, value: string][] {
  const values = Array.from({ length: contract.parameterCount }, () => value(dice, contract.acceptsMissing));
  const all: [string, string][] = [
    ['die_id', JSON.stringify(id(dice))],
    ['test_params', `[${values.join(dice.pick([',', ', ']))}]`],
  ];
  for (const key of ['lot_id', 'wafer_id', 'equipment_id', 'stdf_file']) {
    if (dice.chance(0.2)) all.push([key, dice.chance(0.2) ? 'null' : JSON.stringify(id(dice))]);
  }
  for (const key of ['x', 'y']) {
    if (dice.chance(0.2)) all.push([key, dice.pick(['null', '0', '7', '-12', '9999', '-9999'])]);
  }
  for (const key of ['comment', '__proto__', 'constructor', '', 'die_ids', 'X']) {
    if (dice.chance(0.08)) {
      all.push([key, dice.pick(['"text"', '12.5e3', '-0.25', 'true', 'false', 'null', '""'])]);
    }
  }
  return all.sort(() => dice.fraction() - 0.5);
}

/** A die that the fast path must take. */
export function plainDie(dice: Dice, contract: MeasurementContract): string {
  const space = () => (dice.chance(0.1) ? dice.pick([' ', '\n', '\t', '\r\n', '   ']) : '');
  const members = fields(dice, contract).map(
    ([key, text]) => `${space()}"${key}"${space()}:${space()}${text}${space()}`,
  );
  return `${space()}{${members.join(',')}}${space()}`;
}

/** An array of dies that the fast path must take. */
export function plainBatch(dice: Dice, contract: MeasurementContract): string {
  const dies = Array.from({ length: dice.whole(1, 3) }, () => plainDie(dice, contract));
  return `${dice.pick(['', ' '])}[${dies.join(',')}]${dice.pick(['', '\n'])}`;
}

/** Tokens that matter somewhere in a die; put in the wrong place they are all mistakes. */
const TOKENS = [
  ...'{}[]":,-+.eE0123456789\\/ \t\n\u0000\u001f\u007fé漢😀',
  'null,true,false,[],{},"",\\u0041,\\ud800,\\n,1e39,1e999,-1e999,1e-999,00,01,-,--1,1.,.5,1e,1e+,0x1,NaN,nul,+1',
  '{"a":[{}]}',
  '"die_id":"again"',
  '"test_params":[1]',
  '"test_params":null',
  '"x":1.0',
  '"x":1e1',
  '"x":-0',
  '"y":32767',
  '"y":-32768',
  '"y":"3"',
  '"__proto__":{"die_id":"p","test_params":[]}',
  '"die\\u005fid":"escaped"',
  '"lot_id":""',
  '"lot_id":5',
  '"{"',
  `"wafer_id":"${'w'.repeat(129)}"`,
].flatMap((token) => (token.startsWith('null,true') ? token.split(',') : [token]));

type Mutation = (dice: Dice, body: Buffer) => Buffer;

function spliced(body: Buffer, from: number, to: number, middle: Uint8Array): Buffer {
  return Buffer.concat([body.subarray(0, from), middle, body.subarray(to)]);
}

function slice(dice: Dice, body: Buffer): [from: number, to: number] {
  const from = dice.whole(0, body.length);
  return [from, Math.min(body.length, from + dice.pick([1, 1, 2, 3, 8, 40]))];
}

/** Where a token of JSON begins and ends, near a random place. */
function tokenAt(dice: Dice, body: Buffer): [from: number, to: number] {
  const text = body.toString('latin1');
  const pattern = /"[^"]*"|[-+.\w]+|[^\s]/g;
  pattern.lastIndex = dice.whole(0, Math.max(0, body.length - 1));
  const match = pattern.exec(text);
  return match === null ? [0, 0] : [match.index, match.index + match[0].length];
}

const MUTATIONS: readonly Mutation[] = [
  function flipBits(dice, body) {
    const flipped = Buffer.from(body);
    if (body.length > 0) flipped[dice.whole(0, body.length - 1)] ^= 1 << dice.whole(0, 7);
    return flipped;
  },
  function setByte(dice, body) {
    const at = dice.whole(0, body.length);
    return spliced(body, at, at + 1, Buffer.of(dice.whole(0, 255)));
  },
  function insertToken(dice, body) {
    const at = dice.chance(0.5) ? dice.whole(0, body.length) : tokenAt(dice, body)[0];
    return spliced(body, at, at, Buffer.from(dice.pick(TOKENS)));
  },
  function insertMember(dice, body) {
    const at = body.indexOf(dice.pick([',"', '{"']));
    return at === -1 ? body : spliced(body, at + 1, at + 1, Buffer.from(`${dice.pick(TOKENS)},`));
  },
  function replaceToken(dice, body) {
    return spliced(body, ...tokenAt(dice, body), Buffer.from(dice.pick(TOKENS)));
  },
  function deleteToken(dice, body) {
    return spliced(body, ...tokenAt(dice, body), Buffer.alloc(0));
  },
  function deleteSlice(dice, body) {
    return spliced(body, ...slice(dice, body), Buffer.alloc(0));
  },
  function truncate(dice, body) {
    return body.subarray(0, dice.whole(0, body.length));
  },
  function repeatSlice(dice, body) {
    const [from, to] = slice(dice, body);
    return spliced(body, to, to, body.subarray(from, to));
  },
  function moveSlice(dice, body) {
    const [from, to] = slice(dice, body);
    const at = dice.whole(0, body.length);
    return spliced(body, at, at, body.subarray(from, to));
  },
  function swapTokens(dice, body) {
    const [a, b] = [tokenAt(dice, body), tokenAt(dice, body)].sort((one, two) => one[0] - two[0]);
    if (a[1] > b[0]) return body;
    const first = body.subarray(...a);
    return Buffer.concat([
      body.subarray(0, a[0]),
      body.subarray(...b),
      body.subarray(a[1], b[0]),
      first,
      body.subarray(b[1]),
    ]);
  },
  function repeatToken(dice, body) {
    const [from, to] = tokenAt(dice, body);
    return spliced(body, to, to, Buffer.concat([Buffer.from(','), body.subarray(from, to)]));
  },
];

/** The body spoilt once, now and then two or three times over. */
export function mutated(dice: Dice, body: Buffer): Buffer {
  let spoilt = body;
  for (let times = dice.pick([1, 1, 1, 2, 3]); times > 0; times--) {
    spoilt = dice.pick(MUTATIONS)(dice, spoilt);
  }
  return spoilt;
}
