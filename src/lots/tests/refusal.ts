import { Fault } from '../../errors.js';
import { type NamedTest, REASONS_REFUSED, type RefusedParameter } from './match-tests.js';
import { testTitle } from './test-identity.js';

/** A lot whose tests are not those of a model. */
export interface RefusedLot {
  readonly files: readonly string[];
  readonly lot: string | null;
  readonly refused: readonly RefusedParameter[];
}

/** Lots that are not scored because their tests are not the model's, with both sides of each. */
export class TestsRefused extends Fault {
  readonly lots: readonly RefusedLot[];

  constructor(lots: readonly RefusedLot[], problems: readonly string[]) {
    super('invalid_data', problems);
    this.lots = lots;
  }
}

const MOST_LISTED = 20;

/** @param model what refuses them, with how many tests it reads */
export function testsRefused(
  lots: readonly RefusedLot[],
  model: { readonly key: string; readonly contract: { readonly parameterCount: number } },
): TestsRefused {
  return new TestsRefused(lots, [
    ...lots.flatMap((lot) => linesOf(lot, model)),
    '--map tests.csv says which tests of a lot the model calls otherwise, --strip-name what to take out of their names, testName in a manifest what a test of the model is called ("" for whatever has its number)',
  ]);
}

function linesOf(
  { files, refused }: RefusedLot,
  { key, contract }: Parameters<typeof testsRefused>[1],
): string[] {
  const count = `${refused.length} of the ${contract.parameterCount} tests of model ${key}`;
  const where = files.join(', ');
  if (refused.every(({ reason }) => reason === 'absent')) {
    const names = refused.slice(0, MOST_LISTED).map(({ model }) => testTitle(model));
    const more = refused.length > MOST_LISTED ? ` and ${refused.length - MOST_LISTED} more` : '';
    return [`${where} lacks ${count}: ${names.join(', ')}${more}`];
  }
  const listed = refused.slice(0, MOST_LISTED).map(sidesOf);
  const more = refused.length - listed.length;
  return [
    `${where}: ${count} ${refused.length === 1 ? 'is another test' : 'are other tests'} in the lot, so it is not scored`,
    ...listed.map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

/** Both sides: `model: 100 T0 [V]; lot: 100 IDD [mA]: the lot has another test under this number`. */
function sidesOf({ model, lot, reason }: RefusedParameter): string {
  const found = lot.length === 0 ? 'none' : lot.map(titled).join(', ');
  return `model: ${titled(model)}; lot: ${found}: ${REASONS_REFUSED[reason]}`;
}

function titled(test: NamedTest): string {
  return `${testTitle(test)}${test.unit === undefined ? '' : ` [${test.unit}]`}`;
}
