import type { DieLabel } from '../die/die.js';
import { MAX_ID_LENGTH } from '../die/die.js';
import { Fault } from '../errors.js';
import type { Parameter } from '../models/manifest/manifest.js';
import type { Lot, Part, PartResults, TestDefinition } from '../stdf/stdf.js';

/** A part of a lot file as a model reads it. */
export interface MeasuredPart {
  readonly part: Part;
  readonly label: DieLabel;
  /** float32 [parameters] in the model's order; NaN where the file has no usable value. */
  readonly params: Float32Array;
  /** How many of the parameters have a value. */
  readonly measured: number;
}

/** Makes measurements of parts for a model whose parameters name STDF tests. */
export interface PartMeasurer {
  measure(part: Part, lot: Lot | undefined): MeasuredPart;
  /** Parameters for which no part measured so far had a usable value. */
  neverMeasured(): readonly Parameter[];
}

/**
 * @param parameters the manifest's list; every one must have a `testNumber`
 * @param file name of the lot file, for the dies' `stdf_file`
 * @throws Fault `invalid_model` when the parameters do not say which tests they are
 */
export function createPartMeasurer(parameters: number | readonly Parameter[], file: string): PartMeasurer {
  const tests = testNumbersOf(parameters);
  const seen = new Uint8Array(tests.length);
  const columns = createColumnFinder(tests);

  /** Of a test that ran twice the later usable value; one that cannot be used wipes none. */
  function valuesOf(results: PartResults): Float32Array {
    const params = new Float32Array(tests.length).fill(Number.NaN);
    for (let i = 0; i < results.length; i++) {
      const columnsOfTest = columns(results, i);
      if (columnsOfTest.length === 0 || !results.isUsable(i)) continue;
      for (const column of columnsOfTest) params[column] = results.values[i] ?? Number.NaN;
    }
    return params;
  }

  return {
    measure(part, lot) {
      const params = valuesOf(part.results);
      let measured = 0;
      for (let i = 0; i < params.length; i++) {
        if (Number.isNaN(params[i])) continue;
        seen[i] = 1;
        measured++;
      }
      return { part, label: labelOf(part, lot, file), params, measured };
    },
    neverMeasured: () => tests.filter((_, i) => seen[i] === 0),
  };
}

const NO_COLUMNS: readonly number[] = [];

/** The model's parameters that a result is the value of: asked once for each test of the lot. */
function createColumnFinder(
  parameters: readonly TestParameter[],
): (results: PartResults, i: number) => readonly number[] {
  const byNumber = new Map<number, number[]>();
  parameters.forEach(({ testNumber }, column) => {
    byNumber.set(testNumber, [...(byNumber.get(testNumber) ?? []), column]);
  });
  const columnsOf = ({ testNum, kind, position }: TestDefinition) =>
    kind === 'Ftr' || (position ?? 1) > 1 ? NO_COLUMNS : (byNumber.get(testNum) ?? NO_COLUMNS);
  const byTest: (readonly number[])[] = [];
  return (results, i) => {
    const test = results.tests[i] ?? 0;
    const known = byTest[test];
    if (known !== undefined) return known;
    const columns = columnsOf(results.test(i));
    byTest[test] = columns;
    return columns;
  };
}

type TestParameter = Parameter & { readonly testNumber: number };

function testNumbersOf(parameters: number | readonly Parameter[]): TestParameter[] {
  const listed = typeof parameters === 'number' ? [] : parameters;
  const tests = listed.filter((parameter): parameter is TestParameter => parameter.testNumber !== undefined);
  if (listed.length === 0 || tests.length < listed.length) {
    const without = typeof parameters === 'number' ? parameters : listed.length - tests.length;
    throw new Fault('invalid_model', [
      `${without} parameters of the model have no testNumber in its manifest, so they cannot be found in an STDF file`,
    ]);
  }
  return tests;
}

/**
 * What names a part: lot, wafer, coordinates where it has them, else its part id, and its place in the
 * file, so that no two touchdowns of a lot share an id.
 */
function labelOf(part: Part, lot: Lot | undefined, file: string): DieLabel {
  const lotId = nonEmpty(lot?.mir?.lotId);
  const waferId = nonEmpty(part.wafer?.waferId);
  const place = part.x === undefined || part.y === undefined ? (part.partId ?? '') : `x${part.x}y${part.y}`;
  const dieId = [waferId ?? lotId ?? 'lot', place, `n${part.index}`]
    .filter((piece) => piece !== '')
    .join('_');
  return {
    die_id: dieId.slice(-MAX_ID_LENGTH),
    lot_id: lotId,
    wafer_id: waferId,
    x: part.x,
    y: part.y,
    equipment_id: nonEmpty(lot?.mir?.nodeNam),
    stdf_file: file.slice(-MAX_ID_LENGTH),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  const trimmed = text?.trim().slice(0, MAX_ID_LENGTH);
  return trimmed === '' ? undefined : trimmed;
}
