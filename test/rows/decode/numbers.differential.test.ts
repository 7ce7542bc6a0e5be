import { describe, expect, it } from 'vitest';
import { decodeDie, scanSingle } from '../../../src/rows/decode/json.js';
import { bitsOf, CountedRows, contractOf, Dice, refusalOf } from './harness.js';
import { overflowing, SHAPES } from './number-texts.js';

const NUMBERS_A_SHAPE = 44_000;
const contract = contractOf(500);
const one = contractOf(1);

function bodyOf(texts: readonly string[], separator: string): Buffer {
  return Buffer.from(`{"die_id":"d","test_params":[${texts.join(separator)}]}`);
}

function textsOf(dice: Dice, shape: (dice: Dice) => string): string[] {
  return Array.from({ length: contract.parameterCount }, () => (dice.chance(0.4) ? '-' : '') + shape(dice));
}

describe('numbers read straight from bytes are Math.fround(JSON.parse(text)), bit for bit', () => {
  it('over a million numbers in all', () => {
    expect(Object.keys(SHAPES).length * NUMBERS_A_SHAPE).toBeGreaterThan(1_000_000);
  });

  for (const [index, [name, shape]] of Object.entries(SHAPES).entries()) {
    it(name, () => {
      const dice = new Dice(1000 + index);
      const rows = new CountedRows(contract);
      const wanted = new Float32Array(contract.parameterCount);
      for (let done = 0; done < NUMBERS_A_SHAPE; done += contract.parameterCount) {
        const texts = textsOf(dice, shape);
        const found = scanSingle(bodyOf(texts, dice.pick([',', ', ', ' ,\n'])), contract, rows);
        // Plainly valid: the fast path must not have declined, or this would prove nothing.
        if (found === undefined) throw new Error(`declined one of ${texts.slice(0, 20)}`);
        for (const [i, text] of texts.entries()) wanted[i] = Math.fround(JSON.parse(text));
        if (Buffer.compare(bytesOf(wanted), bytesOf(found.params)) === 0) continue;
        const wantedBits = bitsOf(wanted);
        const wrong = bitsOf(found.params).findIndex((bits, i) => bits !== wantedBits[i]);
        expect.fail(`${texts[wrong]}: expected ${wanted[wrong]}, found ${found.params[wrong]}`);
      }
    });
  }

  it('and what float32 cannot hold is declined, and refused by the schema', () => {
    const dice = new Dice(7);
    const rows = new CountedRows(one);
    for (let i = 0; i < 10_000; i++) {
      const text = (dice.chance(0.5) ? '-' : '') + overflowing(dice);
      const body = bodyOf([text], ',');
      if (scanSingle(body, one, rows) !== undefined) expect.fail(`accepted ${text}`);
      expect(refusalOf(() => decodeDie(body, one, rows)).faults?.[0].path).toBe('test_params[0]');
    }
    expect(rows.outstanding).toBe(0);
  });
});

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
