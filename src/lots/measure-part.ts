import { categoriesOf, labelNamed, positionNamed } from '../die/categories.js';
import { type CategoryParameter, type DieLabel, isDieLabelField, MAX_ID_LENGTH } from '../die/die.js';
import { Fault } from '../errors.js';
import type { Parameter } from '../models/manifest/input-schema.js';
import type { Display, Lot, Part, TestDefinition } from '../stdf/stdf.js';
import { lotLabelsOf } from './dies/lot-labels.js';
import { joinMatches } from './tests/join-matches.js';
import { createTestMatcher, type TestMatch, type TestMatcher } from './tests/match-tests.js';
import { valueAt } from './tests/result-value.js';
import { AS_WRITTEN, type TestNaming, type TestParameter } from './tests/test-identity.js';

/** A part of a lot file as a model reads it. */
export interface MeasuredPart {
  readonly part: Part;
  readonly label: DieLabel;
  /** float32 [parameters] in the model's order and units; NaN where the file has no usable value. */
  readonly params: Float32Array;
  /** How many of the parameters have a value; 0 where no test has one. */
  readonly measured: number;
}

/** What a file says of a value, in the model's unit. */
export interface ValueFacts {
  readonly test: TestDefinition;
  readonly lowLimit: number | undefined;
  readonly highLimit: number | undefined;
  /** How the tester shows it, where it is in the model's unit as it stands. */
  readonly display: Display | undefined;
}

/** Makes measurements of the parts of one lot for a model whose parameters name STDF tests. */
export interface PartMeasurer {
  /**
   * @param lot what the part is of; a lot of several files has a `Lot` for each
   * @param row float32 [parameters], where the values go; memory of their own without it
   */
  measure(part: Part, lot: Lot, row?: Float32Array): MeasuredPart;
  /** What held for the value of a parameter on a part: the last one that the file has of it. */
  factsOf(part: Part, lot: Lot, parameter: number): ValueFacts | undefined;
  /** How the tests met so far and the model's parameters go together. */
  match(): TestMatch;
  /** Parameters for which no part measured so far had a usable value. */
  neverMeasured(): readonly Parameter[];
}

/**
 * @param parameters the manifest's list; every one must have a `testNumber`, or categories and the label that says which
 * @param file name of the lot file, for the dies' `stdf_file`
 * @throws Fault `invalid_model` when the parameters do not say which tests they are
 */
export function createPartMeasurer(
  parameters: number | readonly Parameter[],
  file: string,
  naming: TestNaming = AS_WRITTEN,
): PartMeasurer {
  const { tests, places, labelled } = sourcesOf(parameters);
  const width = tests.length + labelled.length;
  const seen = new Uint8Array(tests.length);
  const passes = new Map<Lot, Pass>();
  let current: (Pass & { readonly lot: Lot }) | undefined;

  function passOf(lot: Lot): Pass {
    if (current?.lot === lot) return current;
    const pass = passes.get(lot) ?? { matcher: createTestMatcher(tests, naming), mixed: new Set<number>() };
    passes.set(lot, pass);
    current = { lot, ...pass };
    return pass;
  }

  return {
    measure(part, lot, row = new Float32Array(width)) {
      const pass = passOf(lot);
      pass.matcher.update(lot.tests);
      const params = labelled.length === 0 ? row : new Float32Array(tests.length);
      fillValues(params, part, pass);
      let measured = 0;
      for (let i = 0; i < params.length; i++) {
        if (Number.isNaN(params[i])) continue;
        seen[i] = 1;
        measured++;
      }
      const label = labelOf(part, lot, file);
      if (labelled.length === 0) return { part, label, params, measured };
      const others = lotLabelsOf(part, lot);
      const whole = { part, label: withOthers(label, others, labelled), params: row };
      places.forEach((place, i) => {
        whole.params[place] = params[i] ?? Number.NaN;
      });
      const named = fillLabelled(whole.params, { ...label, others }, labelled);
      return { ...whole, measured: measured === 0 ? 0 : measured + named };
    },
    factsOf({ results }, lot, parameter) {
      const { matcher } = passOf(lot);
      for (let i = results.length - 1; i >= 0; i--) {
        const test = results.tests[i] ?? 0;
        if (places[matcher.parameters()[test] ?? -1] !== parameter) continue;
        const factor = matcher.factors()[test] ?? 1;
        const { lo, hi } = results.limits(i);
        return {
          test: results.test(i),
          lowLimit: lo === undefined ? undefined : lo * factor,
          highLimit: hi === undefined ? undefined : hi * factor,
          display: factor === 1 ? results.display(i) : undefined,
        };
      }
      return undefined;
    },
    match() {
      for (const [lot, { matcher }] of passes) matcher.update(lot.tests);
      return joinMatches([...passes.values()].map(({ matcher, mixed }) => matcher.match(mixed)));
    },
    neverMeasured: () => tests.filter((_, i) => seen[i] === 0),
  };
}

/** What is known of the tests of one file of a lot. */
interface Pass {
  readonly matcher: TestMatcher;
  /** Tests of which some record had another unit. */
  readonly mixed: Set<number>;
}

/** Of a test that ran twice the later usable value; one that was not executed, or has no usable value, wipes none. */
function fillValues(params: Float32Array, { results }: Part, { matcher, mixed }: Pass): void {
  params.fill(Number.NaN);
  const [parameters, factors] = [matcher.parameters(), matcher.factors()];
  const { tests, values, flags, length } = results;
  for (let i = 0; i < length; i++) {
    const test = tests[i] ?? 0;
    const parameter = parameters[test] ?? -1;
    if (parameter < 0) continue;
    if (results.hasOwnFacts(i) && results.display(i).units !== results.test(i).display.units) mixed.add(test);
    const plain = flags[i] === 0 ? (values[i] ?? Number.NaN) : Number.NaN;
    // Nearly every value has no flag and is a number; of all others it takes a closer look.
    const value = Number.isFinite(plain) ? plain : valueAt(results, i);
    if (!Number.isNaN(value)) params[parameter] = value * (factors[test] ?? 1);
  }
}

/** Where the values of the parameters come from: tests, and labels of the die that say a category. */
interface Sources {
  readonly tests: readonly TestParameter[];
  /** Of each of the tests the place among the parameters. */
  readonly places: readonly number[];
  readonly labelled: readonly CategoryParameter[];
}

/** @throws Fault `invalid_model` where a parameter says neither which test it is nor which label */
function sourcesOf(parameters: number | readonly Parameter[]): Sources {
  const listed = typeof parameters === 'number' ? [] : [...parameters];
  const labelled = categoriesOf(listed).filter(
    ({ index, label }) => label !== undefined && listed[index]?.testNumber === undefined,
  );
  const isLabelled = new Set(labelled.map(({ index }) => index));
  const places = listed.flatMap((_, i) => (isLabelled.has(i) ? [] : [i]));
  const measured = places.flatMap((place) => listed[place] ?? []);
  return { tests: testParametersOf(labelled.length === 0 ? parameters : measured), places, labelled };
}

/** @returns how many of the categories are known */
function fillLabelled(params: Float32Array, label: DieLabel, labelled: readonly CategoryParameter[]): number {
  let named = 0;
  for (const category of labelled) {
    const said = labelNamed(label, category.label ?? '');
    const position = said === undefined ? category.unknown : positionNamed(category, said);
    params[category.index] = position ?? Number.NaN;
    if (position !== undefined) named++;
  }
  return named;
}

/** The label of a part with what its model reads beside it, as it would be sent to a server. */
function withOthers(
  label: DieLabel,
  others: Readonly<Record<string, string>>,
  labelled: readonly CategoryParameter[],
): DieLabel {
  const read = labelled.flatMap(({ label: name }) =>
    name === undefined || isDieLabelField(name) || others[name] === undefined
      ? []
      : [[name, others[name]] as const],
  );
  return read.length === 0 ? label : { ...label, others: Object.fromEntries(read) };
}

/** @throws Fault `invalid_model` where a parameter does not say which test it is */
function testParametersOf(parameters: number | readonly Parameter[]): TestParameter[] {
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
 * file, so that no two touchdowns of a file share an id. Without a wafer coordinates name no die: its part id does, with
 * its site, as ids may begin anew at each.
 */
function labelOf(part: Part, lot: Lot, file: string): DieLabel {
  const lotId = nonEmpty(lot.mir?.lotId);
  const waferId = nonEmpty(part.wafer?.waferId);
  const dieId = [waferId ?? lotId ?? 'lot', placeText(part), `n${part.index}`]
    .filter((piece) => piece !== '')
    .join('_');
  return {
    die_id: dieId.slice(-MAX_ID_LENGTH),
    lot_id: lotId,
    wafer_id: waferId,
    x: part.x,
    y: part.y,
    equipment_id: nonEmpty(lot.mir?.nodeNam),
    stdf_file: file.slice(-MAX_ID_LENGTH),
  };
}

function placeText({ wafer, x, y, partId, siteNum }: Part): string {
  if (wafer === undefined && partId !== undefined) return `${partId.trim()}_s${siteNum}`;
  return x === undefined || y === undefined ? (partId ?? '') : `x${x}y${y}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  const trimmed = text?.trim().slice(0, MAX_ID_LENGTH);
  return trimmed === '' ? undefined : trimmed;
}
