import {
  type Display,
  displayOf,
  filledDisplay,
  filledLimits,
  known255,
  limitsOf,
  NO_DISPLAY,
  NO_LIMITS,
  type Pattern,
  patternOf,
  type ResultRecord,
  type TestLimits,
} from './limits-and-display.js';
import type { StdfRecord } from './records.js';

/**
 * One test of a program, of which a part has one value: a PTR, an FTR, or one position of an MPR. TEST_NUM
 * alone does not name it: programs reuse numbers, and some leave all at 0 (section 6). Name, limits and
 * display may be said by a later record than the first; they are then filled in here.
 */
export interface TestDefinition {
  /** Position among the tests of the lot, from 0, in the order in which they first appear. */
  readonly index: number;
  readonly kind: ResultRecord['type'];
  readonly testNum: number;
  /** TEST_TXT of the first record that has one; '' where none has. As in the file, padded. */
  readonly testTxt: string;
  /** MPR only: which of the record's results it is, from 1. */
  readonly position: number | undefined;
  /** MPR only: the pin's name by the PMR of its RTN_INDX (logical, else physical, else channel). */
  readonly pin: string | undefined;
  readonly limits: TestLimits;
  readonly display: Display;
  /** FTR only: the pattern group and pin map, where given. */
  readonly pattern: Pattern | undefined;
}

/** What a result record means once the defaults of its test are carried into it. */
export interface ResolvedTest {
  /** One for each value of the record: one of a PTR or FTR, one for each position of an MPR. */
  readonly tests: readonly TestDefinition[];
  /** Those of this record; the very objects of its tests where they are the same. */
  readonly limits: TestLimits;
  readonly display: Display;
  readonly pattern: Pattern | undefined;
}

/** Learns tests from their first records and carries their defaults; the records stay as they are. */
export interface TestDefaults {
  /**
   * The tests of a record, learnt if it is their first, and its limits and units: a value that is
   * there counts for this record only; one that is absent, empty or flagged takes that of the first
   * record of the test in the file that has it, whatever its site (stdf-v4.md section 6).
   */
  resolve(record: ResultRecord): ResolvedTest;
  /** Learns the name of a pin, for the positions of MPRs that come after it. */
  pin(record: StdfRecord<'Pmr'>): void;
  /** Names tests whose own records leave TEST_TXT out, by the summary of their number. */
  summary(record: StdfRecord<'Tsr'>): void;
  /** The tests seen so far, by their index. */
  tests(): readonly TestDefinition[];
  /** Changes when a definition that was given out has changed: what was resolved before is stale. */
  revision(): number;
}

type Open<T> = { -readonly [Key in keyof T]: T[Key] };

/** The tests of all records with one number and name. */
interface KnownTest {
  /** TEST_TXT without padding. */
  name: string;
  /** By position; a PTR and an FTR have one. */
  readonly columns: Open<TestDefinition>[];
  limits: TestLimits;
  display: Display;
  pattern: Pattern | undefined;
}

/** The tests of one number, and what texts have been found to mean. */
interface KnownNumber {
  readonly tests: KnownTest[];
  readonly byText: Map<string, KnownTest>;
}

export function createTestDefaults(): TestDefaults {
  const tests: Open<TestDefinition>[] = [];
  const pins = new Map<number, string>();
  let revision = 0;
  const byNumber: Record<ResultRecord['type'], Map<number, KnownNumber>> = {
    Ptr: new Map(),
    Mpr: new Map(),
    Ftr: new Map(),
  };

  function numberOf({ type, testNum }: ResultRecord): KnownNumber {
    let known = byNumber[type].get(testNum);
    if (known === undefined) {
      known = { tests: [], byText: new Map() };
      byNumber[type].set(testNum, known);
    }
    return known;
  }

  function addColumn(
    test: KnownTest,
    record: ResultRecord,
    position: number | undefined,
    pin?: string,
  ): void {
    const column = {
      index: tests.length,
      kind: record.type,
      testNum: record.testNum,
      testTxt: test.columns[0]?.testTxt ?? record.testTxt ?? '',
      position,
      pin,
      limits: test.limits,
      display: test.display,
      pattern: test.pattern,
    };
    tests.push(column);
    test.columns.push(column);
  }

  function learn(record: ResultRecord, number: KnownNumber): KnownTest {
    const test: KnownTest = {
      name: nameOf(record.testTxt ?? ''),
      columns: [],
      limits: NO_LIMITS,
      display: NO_DISPLAY,
      pattern:
        record.type === 'Ftr' ? { patgNum: known255(record.patgNum), spinMap: record.spinMap } : undefined,
    };
    number.tests.push(test);
    if (record.type !== 'Mpr') addColumn(test, record, undefined);
    return test;
  }

  /** What later records say first: a name, limits or units that all before left out. */
  function fill(test: KnownTest, record: ResultRecord): void {
    const { limits, display } = test;
    if (record.type !== 'Ftr' && (record.optFlag !== undefined || record.units !== undefined)) {
      test.limits = filledLimits(record, limits);
      test.display = filledDisplay(record, display);
    }
    const named = test.name === '' && nameOf(record.testTxt ?? '') !== '';
    if (limits === test.limits && display === test.display && !named) return;
    revision++;
    if (named) test.name = nameOf(record.testTxt ?? '');
    for (const column of test.columns) {
      column.limits = test.limits;
      column.display = test.display;
      if (named) column.testTxt = record.testTxt ?? '';
    }
  }

  /** The tests of an MPR's results: by the name of their pins where those are known, else by position. */
  function columnsOf(test: KnownTest, record: StdfRecord<'Mpr'>): readonly TestDefinition[] {
    const { rtnRslt = [], rtnIndx = [] } = record;
    const named = pins.size > 0 && rtnIndx.length === rtnRslt.length;
    for (let i = test.columns.length; i < rtnRslt.length; i++) {
      addColumn(test, record, i + 1, named ? pins.get(rtnIndx[i] ?? -1) : undefined);
    }
    if (!named || rtnRslt.every((_, i) => isPin(test.columns[i], pins.get(rtnIndx[i] ?? -1)))) {
      return test.columns.slice(0, rtnRslt.length);
    }
    return rtnRslt.map((_, i) => columnOfPin(test, record, i, pins.get(rtnIndx[i] ?? -1)));
  }

  /** Another order of pins than the first record's: the one of this name, else one more. */
  function columnOfPin(
    test: KnownTest,
    record: StdfRecord<'Mpr'>,
    i: number,
    pin: string | undefined,
  ): TestDefinition {
    const found = test.columns.find(
      (column) => isPin(column, pin) && (pin !== undefined || column.position === i + 1),
    );
    if (found !== undefined) return found;
    addColumn(test, record, i + 1, pin);
    return tests[tests.length - 1] as TestDefinition;
  }

  return {
    tests: () => tests,
    revision: () => revision,
    pin(record) {
      const name = [record.logNam, record.phyNam, record.chanNam]
        .map((text) => nameOf(text ?? ''))
        .find(isNamed);
      if (name !== undefined) pins.set(record.pmrIndx, name);
    },
    summary(record) {
      const name = record.testNam ?? '';
      if (nameOf(name) === '') return;
      for (const type of kindsOf(record.testTyp)) {
        const [first, ...others] = byNumber[type].get(record.testNum)?.tests ?? [];
        if (first === undefined || first.name !== '' || others.length > 0) continue;
        first.name = nameOf(name);
        for (const column of first.columns) column.testTxt = name;
        revision++;
      }
    },
    resolve(record) {
      const number = numberOf(record);
      const test = find(number, record.testTxt) ?? learn(record, number);
      fill(test, record);
      return {
        tests: record.type === 'Mpr' ? columnsOf(test, record) : test.columns,
        limits: limitsOf(record, test.limits),
        display: displayOf(record, test.display),
        pattern: record.type === 'Ftr' ? patternOf(record, test.pattern) : undefined,
      };
    },
  };
}

/** Names are padded by some programs, in some records. */
function nameOf(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}

const isNamed = (name: string): boolean => name !== '';

function isPin(column: TestDefinition | undefined, pin: string | undefined): boolean {
  return column !== undefined && column.pin === pin;
}

/** Programs leave TEST_TXT empty after the first record, or before a later one: then it is the number's first test. */
function find(number: KnownNumber, text: string | undefined): KnownTest | undefined {
  const [first] = number.tests;
  if (text === undefined || text === '') return first;
  const known = number.byText.get(text);
  if (known !== undefined) return known;
  const name = nameOf(text);
  const found =
    name === ''
      ? first
      : (number.tests.find((test) => test.name === name) ??
        (number.tests.length === 1 && first?.name === '' ? first : undefined));
  if (found !== undefined) number.byText.set(text, found);
  return found;
}

/** TEST_TYP of a summary; where it does not say, every kind. */
function kindsOf(testTyp: string): readonly ResultRecord['type'][] {
  if (testTyp === 'P') return ['Ptr'];
  if (testTyp === 'M') return ['Mpr'];
  return testTyp === 'F' ? ['Ftr'] : ['Ptr', 'Mpr', 'Ftr'];
}
