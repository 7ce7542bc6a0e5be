import type { StdfRecord } from './records.js';

/** The three records that hold one test's result on one part. */
export type ResultRecord = StdfRecord<'Ptr' | 'Mpr' | 'Ftr'>;

/** Limits in the test's units, unscaled; undefined where there is none. Always finite. */
export interface TestLimits {
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

/** FTR only: the pattern group and pin map. */
export interface Pattern {
  readonly patgNum: StdfRecord<'Ftr'>['patgNum'];
  readonly spinMap: StdfRecord<'Ftr'>['spinMap'];
}

/** Of a test whose records have said nothing of limits yet; where they said "none" it is another object. */
export const NO_LIMITS: TestLimits = { lo: undefined, hi: undefined, loSpec: undefined, hiSpec: undefined };
export const NO_DISPLAY: Display = {
  units: '',
  resultScale: 0,
  loScale: 0,
  hiScale: 0,
  resultFormat: '',
  loFormat: '',
  hiFormat: '',
};

type ValueRecord = StdfRecord<'Ptr' | 'Mpr'>;

/** The defaults with what this record is the first to say of limits, were it only that there are none. */
export function filledLimits(record: ValueRecord, known: TestLimits): TestLimits {
  if (known !== NO_LIMITS) return known;
  const flag = record.optFlag ?? 0;
  const says = (value: number | undefined, none: number) => value !== undefined || (flag & none) !== 0;
  if (!says(record.loLimit, 0x40) && !says(record.hiLimit, 0x80)) return known;
  return { ...limitsOf(record, NO_LIMITS) };
}

export function filledDisplay(record: ValueRecord, known: Display): Display {
  if (known === NO_DISPLAY) return displayOf(record, { ...NO_DISPLAY });
  if (known.units !== '' || record.units === undefined || record.units === '' || record.units === '\0')
    return known;
  return displayOf(record, known);
}

/** OPT_FLAG: bits 6 and 7 no limit, 4 and 5 the default, 2 and 3 no spec limit. */
export function limitsOf(record: ResultRecord, first: TestLimits): TestLimits {
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

export function displayOf(record: ResultRecord, first: Display): Display {
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

export function patternOf(record: StdfRecord<'Ftr'>, first: Pattern | undefined): Pattern {
  const patgNum = known255(record.patgNum) ?? first?.patgNum;
  const spinMap =
    record.spinMap === undefined || record.spinMap.count === 0 ? first?.spinMap : record.spinMap;
  return { patgNum, spinMap };
}

/** PATG_NUM 255 is missing. */
export function known255(value: number | undefined): number | undefined {
  return value === 255 ? undefined : value;
}
