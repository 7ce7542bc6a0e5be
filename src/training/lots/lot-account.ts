/** Which touchdown stands for a die that was tested more than once. */
export type CountingTouchdown = 'first' | 'last';

/** What can become of a touchdown, besides being learnt from; in the order in which they are told. */
const REASONS_FOR_PARTS = {
  superseded: 'of dies tested again, where another touchdown counts',
  not_ended: 'never ended',
  abnormal: 'ended abnormally, so their data is not complete',
  no_verdict: 'without a verdict of the tester',
  outside: 'outside the columns of the wafer that were asked for',
  unmeasured: 'without any usable parametric result',
  not_sampled: 'of wafers that were not drawn (--sample)',
} as const;

export type ReasonForPart = keyof typeof REASONS_FOR_PARTS;

const REASONS_FOR_TESTS = {
  few_results: 'too few results',
  no_variance: 'no variance, but for the outermost hundredth of the values',
  shared_number: 'its number stands for another test in another file: --map tests.csv says which is which',
  site_in_name: 'its name names the site, and no other site has it',
  mixed_units: 'its unit differs between records, or is of another dimension in another file',
} as const;

export type ReasonForTest = keyof typeof REASONS_FOR_TESTS;

/** A test of the lots that is no parameter of the model. */
interface TestLeftOut {
  readonly testNumber: number;
  /** Parameter name that it would have had. */
  readonly name: string;
  readonly reason: ReasonForTest;
  /** Passing dies with a usable result of it. */
  readonly results: number;
}

/** A test whose unit is another in a later file. */
export interface ConvertedTest {
  readonly file: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** What was read of lot files, and what became of it. */
export interface LotAccount {
  readonly touchdownThatCounts: CountingTouchdown;
  readonly touchdowns: number;
  readonly dies: number;
  readonly passingDies: number;
  /** Touchdowns that are not learnt from; every touchdown is a die or in one of these. */
  readonly touchdownsLeftOut: Readonly<Record<ReasonForPart, number>>;
  readonly testsLeftOut: readonly TestLeftOut[];
  /** Tests of a file whose values were converted to the unit that an earlier file has. */
  readonly converted: readonly ConvertedTest[];
  /** A pattern for --strip-name that takes the site out of names, where names have it. */
  readonly stripName?: string | undefined;
  /** For each damaged file what is wrong with it, in words; what could be read of it was used. */
  readonly damage: readonly { readonly file: string; readonly problems: readonly string[] }[];
}

/** What became of the touchdowns and what is damaged, a line each. */
export function describeTouchdowns(account: LotAccount): string[] {
  const { touchdowns, dies, passingDies, touchdownThatCounts, touchdownsLeftOut, damage, converted } =
    account;
  const left = reasonsWith(touchdownsLeftOut).map(
    ([reason, count]) => `left out: ${count} ${REASONS_FOR_PARTS[reason]}`,
  );
  return [
    `${touchdowns} touchdowns, ${dies} dies to learn from: ${passingDies} passing and ${dies - passingDies} failing by the tester's verdict`,
    `of a die tested more than once the ${touchdownThatCounts} touchdown counts`,
    ...left,
    ...describeConverted(converted),
    ...damage.flatMap(({ file, problems }) =>
      problems.map((problem) => `${file} is damaged, the rest was used: ${problem}`),
    ),
  ];
}

function describeConverted(converted: LotAccount['converted']): string[] {
  const groups = new Map<string, number>();
  for (const { file, from, to } of converted) {
    const group = `${file}: converted from ${from} to ${to}`;
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  return [...groups].map(([group, tests]) => `${group}, the unit of the first file: ${tests} tests`);
}

/** Every test that was left out and why, a line each. */
export function describeTestsLeftOut({ testsLeftOut, passingDies, stripName }: LotAccount): string[] {
  return testsLeftOut.map(({ name, reason, results }) => {
    const way =
      reason === 'site_in_name' && stripName !== undefined
        ? `; --strip-name '${stripName}' takes it out`
        : '';
    return `${name}: ${REASONS_FOR_TESTS[reason]}${way} (${results} of ${passingDies} passing dies)`;
  });
}

function reasonsWith(counts: LotAccount['touchdownsLeftOut']): [ReasonForPart, number][] {
  const reasons: ReasonForPart[] = [
    'superseded',
    'not_ended',
    'abnormal',
    'no_verdict',
    'outside',
    'unmeasured',
    'not_sampled',
  ];
  return reasons.flatMap((reason) => (counts[reason] > 0 ? [[reason, counts[reason]]] : []));
}
