import { describe, expect, it } from 'vitest';
import { decodeDie, decodeDies } from '../../../src/rows/decode/json.js';
import { CountedRows, contractOf, refusalOf } from './harness.js';

const MILLION = 1_000_000;
const contract = contractOf(512);

/**
 * How long two decodings of a body may take: JSON.parse's own time a few times over (it takes 0.8 s for a
 * million keys), and time for our linear passes on a busy machine. Anything quadratic takes far longer.
 */
function soonMs(body: Buffer): number {
  const startMs = performance.now();
  try {
    JSON.parse(body.toString());
  } catch {
    // Its time is all that we want.
  }
  return 1_000 + 6 * (performance.now() - startMs);
}

const HOSTILE: Readonly<Record<string, () => string>> = {
  'a million open brackets': () => '['.repeat(MILLION),
  'a million open braces': () => '{'.repeat(MILLION),
  'a million nested keys': () => '{"a":'.repeat(MILLION),
  'a million arrays in each other': () => '['.repeat(MILLION) + ']'.repeat(MILLION),
  'values nested a million deep': () =>
    `{"die_id":"d","test_params":${'['.repeat(MILLION)}${']'.repeat(MILLION)}}`,
  'a million spaces': () => ' '.repeat(MILLION),
  'a million spaces before a brace': () => `${' '.repeat(MILLION)}}`,
  'a million spaces between values': () => `{"die_id":"d","test_params":[1,${' '.repeat(MILLION)}2]}`,
  'a million quotes': () => '"'.repeat(MILLION),
  'a million backslashes': () => `{"${'\\'.repeat(MILLION)}`,
  'a string that never ends': () => `{"${'a'.repeat(MILLION)}}`,
  'a million minus signs': () => `{"die_id":"d","test_params":[${'-'.repeat(MILLION)}]}`,
  'a million wrong values': () => `{"die_id":"d","test_params":[${'"x",'.repeat(MILLION)}1]}`,
  'a million right values': () => `{"die_id":"d","test_params":[${'1,'.repeat(MILLION)}1]}`,
  'a million keys': () =>
    `{${Array.from({ length: MILLION }, (_, i) => `"k${i}":0`).join(',')},"die_id":"d"}`,
  'one key a million times': () => `{${'"die_id":"d",'.repeat(MILLION)}"test_params":[]}`,
  'numbers of 100,000 digits': () =>
    `{"die_id":"d","test_params":[${Array(40)
      .fill(`1.${'7'.repeat(100_000)}`)
      .join(',')}]}`,
  'an exponent of 100,000 digits': () => `{"die_id":"d","test_params":[1e${'9'.repeat(100_000)}]}`,
  'an id of a million characters': () => `{"die_id":"${'d'.repeat(MILLION)}","test_params":[1]}`,
  'zero bytes': () => '\0'.repeat(MILLION),
};

describe('hostile bytes are refused soon, and never otherwise than by a refusal:', () => {
  for (const [name, text] of Object.entries(HOSTILE)) {
    it(name, () => {
      const rows = new CountedRows(contract);
      for (const body of [Buffer.from(text()), Buffer.from(`[${text()}]`)]) {
        const allowedMs = soonMs(body);
        const startMs = performance.now();
        const single = refusalOf(() => decodeDie(body, contract, rows));
        const batch = refusalOf(() => decodeDies(body, contract, 64, rows));
        expect(performance.now() - startMs).toBeLessThan(allowedMs);
        for (const { status, message, faults } of [single, batch]) {
          expect([400, 413, 422]).toContain(status);
          expect(message.length).toBeLessThan(300);
          expect(JSON.stringify(faults ?? []).length).toBeLessThan(4_000);
        }
      }
      expect(rows.outstanding).toBe(0);
    });
  }

  it('a million dies are refused by their count, before they are parsed', () => {
    const body = Buffer.from(`[${'{},'.repeat(MILLION - 1)}{}]`);
    const refusal = refusalOf(() => decodeDies(body, contract, 64, new CountedRows(contract)));
    expect(refusal.message).toBe('found 1000000 dies, expected at most 64 in one call');
  });

  it('a body cannot make the decoder take more rows than it has room for', () => {
    const rows = new CountedRows(contract);
    refusalOf(() => decodeDies(Buffer.from(`[${'{},'.repeat(63)}{}]`), contract, 64, rows));
    expect(rows.taken).toBe(0);
  });

  it('numbers of 100,000 digits are read where they are allowed', () => {
    const text = `0.${'7'.repeat(100_000)}`;
    const body = Buffer.from(`{"die_id":"d","test_params":[${text}]}`);
    const { params } = decodeDie(body, contractOf(1), new CountedRows(contractOf(1)));
    expect(params[0]).toBe(Math.fround(Number(text)));
  });
});
