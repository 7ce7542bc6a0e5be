import type { StdfRecord } from './records.js';

/** The three records that hold one test's result on one part. */
export type ResultRecord = StdfRecord<'Ptr' | 'Mpr' | 'Ftr'>;

/** Limits in the test's units, unscaled; undefined where there is none. Always finite. */
export interface Limits {
  readonly lo: number | undefined;
  readonly hi: number | undefined;
  readonly loSpec: number | undefined;
  readonly hiSpec: number | undefined;
}

/** How a test's values are shown; stored values and limits are never scaled. */
export interface Display {
  readonly units: string;
  /** RES_SCAL, LLM_SCAL, HLM_SCAL: shown = stored * 10^scale. 0 where not given. */
  readonly resultScale: number;
  readonly loScale: number;
  readonly hiScale: number;
  /** printf formats, unit inside; '' where not given. Untrusted text. */
  readonly resultFormat: string;
  readonly loFormat: string;
  readonly hiFormat: string;
}

/** One test of a program: TEST_NUM alone does not name it, programs reuse numbers (section 6). */
export interface TestDefinition {
  /** Position among the tests of the file, from 0, in the order in which they first appear. */
  readonly index: number;
  readonly kind: ResultRecord['type'];
  readonly testNum: number;
  /** TEST_TXT of the test's first record; '' where it has none. */
  readonly testTxt: string;
  readonly limits: Limits;
  readonly display: Display;
  /** FTR only: the pattern group and pin map, where given. */
  readonly pattern: Pattern | undefined;
}

export interface Pattern {
  readonly patgNum: StdfRecord<'Ftr'>['patgNum'];
  readonly spinMap: StdfRecord<'Ftr'>['spinMap'];
}

/** What a result record means once the defaults of its test are carried into it. */
export interface ResolvedTest {
  readonly test: TestDefinition;
  /** Those of this record; the very objects of `test` where they are the same. */
  readonly limits: Limits;
  readonly display: Display;
  readonly pattern: Pattern | undefined;
}

/** Learns tests from their first records and carries their defaults; the records stay as they are. */
export interface TestDefaults {
  /**
   * The test of a record, learnt if this is its first, and its limits and units: a value that is
   * there counts for this record only; one that is absent, empty or flagged takes that of the first
   * record of the test in the file, whatever its site (stdf-v4.md section 6).
   */
  resolve(record: ResultRecord): ResolvedTest;
  /** The tests seen so far, by their index. */
  tests(): readonly TestDefinition[];
}

const NO_LIMITS: Limits = { lo: undefined, hi: undefined, loSpec: undefined, hiSpec: undefined };
const NO_DISPLAY: Display = {
  units: '',
  resultScale: 0,
  loScale: 0,
  hiScale: 0,
  resultFormat: '',
  loFormat: '',
  hiFormat: '',
};

export function createTestDefaults(): TestDefaults {
  const tests: TestDefinition[] = [];
  const byNumber: Record<ResultRecord['type'], Map<number, TestDefinition[]>> = {
    Ptr: new Map(),
    Mpr: new Map(),
    Ftr: new Map(),
  };

  function learn(record: ResultRecord, known: TestDefinition[]): TestDefinition {
    const test = {
      index: tests.length,
      kind: record.type,
      testNum: record.testNum,
      testTxt: record.testTxt ?? '',
      limits: limitsOf(record, NO_LIMITS),
      display: displayOf(record, NO_DISPLAY),
      pattern:
        record.type === 'Ftr' ? { patgNum: known255(record.patgNum), spinMap: record.spinMap } : undefined,
    };
    tests.push(test);
    known.push(test);
    return test;
  }

  return {
    tests: () => tests,
    resolve(record) {
      const numbers = byNumber[record.type];
      let known = numbers.get(record.testNum);
      if (known === undefined) {
        known = [];
        numbers.set(record.testNum, known);
      }
      const test = find(known, record.testTxt);
      if (test === undefined) {
        const learnt = learn(record, known);
        return { test: learnt, limits: learnt.limits, display: learnt.display, pattern: learnt.pattern };
      }
      return {
        test,
        limits: limitsOf(record, test.limits),
        display: displayOf(record, test.display),
        pattern: record.type === 'Ftr' ? patternOf(record, test.pattern) : undefined,
      };
    },
  };
}

/** Programs leave TEST_TXT empty after the first record: an empty text is the number's first test. */
function find(known: readonly TestDefinition[], text: string | undefined): TestDefinition | undefined {
  if (text === undefined || text === '') return known[0];
  return known.find(({ testTxt }) => testTxt === text);
}

/** OPT_FLAG: bits 6 and 7 no limit, 4 and 5 the default, 2 and 3 no spec limit. */
function limitsOf(record: ResultRecord, first: Limits): Limits {
  if (record.type === 'Ftr') return NO_LIMITS;
  const flag = record.optFlag ?? 0;
  const lo = limit(record.loLimit, flag, 0x40, 0x10, first.lo);
  const hi = limit(record.hiLimit, flag, 0x80, 0x20, first.hi);
  const loSpec = limit(record.loSpec, flag, 0x04, 0, first.loSpec);
  const hiSpec = limit(record.hiSpec, flag, 0x08, 0, first.hiSpec);
  const same = lo === first.lo && hi === first.hi && loSpec === first.loSpec && hiSpec === first.hiSpec;
  return same ? first : { lo, hi, loSpec, hiSpec };
}

function limit(
  value: number | undefined,
  flag: number,
  none: number,
  useDefault: number,
  first: number | undefined,
): number | undefined {
  if (value === undefined) return (flag & none) !== 0 ? undefined : first;
  if ((flag & none) !== 0) return undefined;
  if ((flag & useDefault) !== 0) return first;
  // NaN and infinity are no limits, and JSON cannot carry them (section 9).
  return Number.isFinite(value) ? value : undefined;
}

function displayOf(record: ResultRecord, first: Display): Display {
  if (record.type === 'Ftr') return NO_DISPLAY;
  const flag = record.optFlag ?? 0;
  const units = text(record.units, first.units);
  const resultScale = scale(record.resScal, flag & 0x01, first.resultScale);
  const loScale = scale(record.llmScal, flag & 0x10, first.loScale);
  const hiScale = scale(record.hlmScal, flag & 0x20, first.hiScale);
  const resultFormat = text(record.cResfmt, first.resultFormat);
  const loFormat = text(record.cLlmfmt, first.loFormat);
  const hiFormat = text(record.cHlmfmt, first.hiFormat);
  const same =
    units === first.units &&
    resultScale === first.resultScale &&
    loScale === first.loScale &&
    hiScale === first.hiScale &&
    resultFormat === first.resultFormat &&
    loFormat === first.loFormat &&
    hiFormat === first.hiFormat;
  return same ? first : { units, resultScale, loScale, hiScale, resultFormat, loFormat, hiFormat };
}

function scale(value: number | undefined, flagged: number, first: number): number {
  return value === undefined || flagged !== 0 ? first : value;
}

/** One NUL means "empty, not the default". */
function text(value: string | undefined, first: string): string {
  if (value === undefined || value === '') return first;
  return value === '\0' ? '' : value;
}

function patternOf(record: StdfRecord<'Ftr'>, first: Pattern | undefined): Pattern {
  const patgNum = known255(record.patgNum) ?? first?.patgNum;
  const spinMap =
    record.spinMap === undefined || record.spinMap.count === 0 ? first?.spinMap : record.spinMap;
  return { patgNum, spinMap };
}

/** PATG_NUM 255 is missing. */
function known255(value: number | undefined): number | undefined {
  return value === 255 ? undefined : value;
}
