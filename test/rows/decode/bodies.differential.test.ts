import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { dieSchema, type MeasurementContract, type Measurements } from '../../../src/die/die.js';
import { decodeDie, decodeDies, scanBatch, scanSingle } from '../../../src/rows/decode/json.js';
import { findJsonFault } from '../../../src/rows/decode/json-fault.js';
import type { RowAllocator } from '../../../src/rows/decode/row-allocator.js';
import { KEYS } from '../../../src/rows/decode/scan-die.js';
import { describeInput } from '../../../src/schema-faults.js';
import { mutated, plainBatch, plainDie } from './die-bodies.js';
import { bitsOf, CountedRows, contractOf, Dice, defined, type Outcome, outcomeOf } from './harness.js';

const MUTATED_BODIES = 30_000;
const MAX_DIES = 3;
const contracts = [contractOf(4), contractOf(7, true)];
const schemas = new Map(contracts.map((contract) => [contract, dieSchema(contract)]));

const NOT_JSON: Outcome = { code: 'invalid_json', status: 400, faults: undefined, totalFaults: undefined };
const TOO_MANY: Outcome = { code: 'batch_too_large', status: 413, faults: undefined, totalFaults: undefined };

/** What the decoder must come to, from JSON.parse and the schema alone. */
function plainOutcome(body: Buffer, contract: MeasurementContract, isBatch: boolean): Outcome {
  const schema = schemas.get(contract) ?? dieSchema(contract);
  if (!isUtf8(body)) return NOT_JSON;
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return NOT_JSON;
  }
  if (!isBatch) {
    const parsed = schema.safeParse(value);
    return parsed.success ? accepted([parsed.data]) : refused(parsed.error.issues);
  }
  if (!Array.isArray(value)) {
    return refused([{ path: [], message: `expected an array of dies, found ${describeInput(value)}` }]);
  }
  if (value.length === 0) return refused([{ path: [], message: 'expected at least 1 die, found 0' }]);
  if (value.length > MAX_DIES) return TOO_MANY;
  const dies = value.map((die) => schema.safeParse(die));
  const issues = dies.flatMap(({ error }, index) =>
    (error?.issues ?? []).map(({ path, message }) => ({ path: [index, ...path], message })),
  );
  return issues.length > 0 ? refused(issues) : accepted(dies.flatMap(({ data }) => data ?? []));
}

function accepted(dies: readonly z.infer<ReturnType<typeof dieSchema>>[]): Outcome {
  const values = dies.flatMap(({ test_params }) => test_params.map((value) => value ?? Number.NaN));
  const labels = dies.map(({ test_params: _, ...label }) => defined(label));
  return { labels, bits: bitsOf(Float32Array.from(values)) };
}

function refused(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): Outcome {
  const faults = issues.slice(0, 20).map(({ path, message }) => ({
    path: path
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
      .join('')
      .replace(/^\./, ''),
    message,
  }));
  return { code: 'invalid_input', status: 422, faults, totalFaults: issues.length };
}

const KINDS = [
  { name: 'one die', isBatch: false, plain: plainDie, scan: scanSingle, decode: decodeDie },
  {
    name: 'an array of dies',
    isBatch: true,
    plain: plainBatch,
    scan: (body: Buffer, contract: MeasurementContract, rows: RowAllocator) =>
      scanBatch(body, contract, MAX_DIES, rows),
    decode: (body: Buffer, contract: MeasurementContract, rows: RowAllocator): Measurements =>
      decodeDies(body, contract, MAX_DIES, rows),
  },
];

it('the fast path knows every key that the schema knows', () => {
  const [contract] = contracts;
  expect([...KEYS].sort()).toEqual(Object.keys(dieSchema(contract).shape).sort());
});

for (const { name, isBatch, plain, scan, decode } of KINDS) {
  for (const contract of contracts) {
    const seed = contract.parameterCount + (isBatch ? 100 : 0);

    describe(`${name} of ${contract.parameterCount} values, null ${contract.acceptsMissing ? 'accepted' : 'refused'}`, () => {
      it('is read by the fast path when it is plainly valid, as the plain path would read it', () => {
        const dice = new Dice(seed);
        const rows = new CountedRows(contract);
        for (let i = 0; i < 3_000; i++) {
          const body = Buffer.from(plain(dice, contract));
          // Strings may hold braces, which a batch leaves to the plain path; our ids hold none.
          const scanned = scan(body, contract, rows);
          if (scanned === undefined) throw new Error(`declined ${body}`);
          assertSame(
            outcomeOf(() => scanned),
            plainOutcome(body, contract, isBatch),
            body,
          );
        }
        expect(rows.outstanding).toBe(3_000);
      });

      it(`has the plain path's verdict, values, labels and faults after any mutation, and leaks no rows`, () => {
        const dice = new Dice(seed + 1);
        const rows = new CountedRows(contract);
        const tally = { fast: 0, plain: 0, refused: 0 };
        for (let i = 0; i < MUTATED_BODIES; i++) {
          const body = mutated(dice, Buffer.from(plain(dice, contract)));
          rows.outstanding = 0;
          const found = outcomeOf(() => decode(body, contract, rows));
          const wanted = plainOutcome(body, contract, isBatch);
          // Too many dies are refused before anyone knows whether the rest is JSON.
          const isEarly = 'code' in found && found.code === 'batch_too_large' && wanted === NOT_JSON;
          if (!isEarly) assertSame(found, wanted, body);
          assertSame(rows.outstanding, 'bits' in found ? 1 : 0, body);
          if (isUtf8(body)) assertSame(findJsonFault(body) !== undefined, wanted === NOT_JSON, body);
          if (!('bits' in found)) tally.refused++;
          else if (scan(body, contract, rows) === undefined) tally.plain++;
          else tally.fast++;
        }
        // Each way through was really taken, many times.
        for (const count of Object.values(tally)) expect(count).toBeGreaterThan(200);
      });
    });
  }
}

function assertSame(found: unknown, wanted: unknown, body: Buffer): void {
  // expect() itself takes longer than decoding does.
  if (!isDeepStrictEqual(found, wanted)) expect(found, body.toString('latin1')).toStrictEqual(wanted);
}
