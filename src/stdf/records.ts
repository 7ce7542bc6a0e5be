import type { Camel, FieldCode, ValueOf } from './field-types.js';

/**
 * Every record of STDF V4, one table each: the only definition. The reader, the writer and the
 * TypeScript types below are all made from it (stdf-v4.md sections 3 and 4).
 *
 * A row is the standard's name, its type code and when the value counts as missing although it is
 * there: a reserved number, or a mask of OPT_FLAG bits of which any one set means missing. Text,
 * bit and byte fields need no rule: empty is missing, a C1 is missing when space or NUL.
 * `optional` fields may be left out from the end of a record.
 */
export type FieldRow = readonly [name: string, code: FieldCode, missing?: number | OptFlagMask];

export interface OptFlagMask {
  readonly optFlag: number;
}

export interface RecordTable {
  /** REC_TYP and REC_SUB. */
  readonly typ: number;
  readonly sub: number;
  readonly required: readonly FieldRow[];
  readonly optional: readonly FieldRow[];
}

const NO_TIME = 0;
const NO_COUNT = 4294967295;
const NO_COORD = -32768;
const NO_GROUP = 255;

export const RECORDS = {
  /** File attributes: first in every file, decides the byte order. */
  Far: {
    typ: 0,
    sub: 10,
    required: [
      ['CPU_TYPE', 'U1'],
      ['STDF_VER', 'U1'],
    ],
    optional: [],
  },
  /** Audit trail: one for each program that rewrote the file. */
  Atr: {
    typ: 0,
    sub: 20,
    required: [
      ['MOD_TIM', 'U4', NO_TIME],
      ['CMD_LINE', 'Cn'],
    ],
    optional: [],
  },
  /** Master information: the lot and how it was tested. */
  Mir: {
    typ: 1,
    sub: 10,
    required: [
      ['SETUP_T', 'U4', NO_TIME],
      ['START_T', 'U4', NO_TIME],
      ['STAT_NUM', 'U1'],
      ['MODE_COD', 'C1'],
      ['RTST_COD', 'C1'],
      ['PROT_COD', 'C1'],
      ['BURN_TIM', 'U2', 65535],
      ['CMOD_COD', 'C1'],
      ['LOT_ID', 'Cn'],
      ['PART_TYP', 'Cn'],
      ['NODE_NAM', 'Cn'],
      ['TSTR_TYP', 'Cn'],
      ['JOB_NAM', 'Cn'],
    ],
    optional: [
      ['JOB_REV', 'Cn'],
      ['SBLOT_ID', 'Cn'],
      ['OPER_NAM', 'Cn'],
      ['EXEC_TYP', 'Cn'],
      ['EXEC_VER', 'Cn'],
      ['TEST_COD', 'Cn'],
      ['TST_TEMP', 'Cn'],
      ['USER_TXT', 'Cn'],
      ['AUX_FILE', 'Cn'],
      ['PKG_TYP', 'Cn'],
      ['FAMLY_ID', 'Cn'],
      ['DATE_COD', 'Cn'],
      ['FACIL_ID', 'Cn'],
      ['FLOOR_ID', 'Cn'],
      ['PROC_ID', 'Cn'],
      ['OPER_FRQ', 'Cn'],
      ['SPEC_NAM', 'Cn'],
      ['SPEC_VER', 'Cn'],
      ['FLOW_ID', 'Cn'],
      ['SETUP_ID', 'Cn'],
      ['DSGN_REV', 'Cn'],
      ['ENG_ID', 'Cn'],
      ['ROM_COD', 'Cn'],
      ['SERL_NUM', 'Cn'],
      ['SUPR_NAM', 'Cn'],
    ],
  },
  /** Master results: the lot is finished; last in every whole file. */
  Mrr: {
    typ: 1,
    sub: 20,
    required: [['FINISH_T', 'U4', NO_TIME]],
    optional: [
      ['DISP_COD', 'C1'],
      ['USR_DESC', 'Cn'],
      ['EXC_DESC', 'Cn'],
    ],
  },
  /** Part counts of a site, or of all sites (HEAD_NUM 255). */
  Pcr: {
    typ: 1,
    sub: 30,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['PART_CNT', 'U4'],
    ],
    optional: [
      ['RTST_CNT', 'U4', NO_COUNT],
      ['ABRT_CNT', 'U4', NO_COUNT],
      ['GOOD_CNT', 'U4', NO_COUNT],
      ['FUNC_CNT', 'U4', NO_COUNT],
    ],
  },
  /** Hard bin count of a site, or of all sites (HEAD_NUM 255). */
  Hbr: {
    typ: 1,
    sub: 40,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['HBIN_NUM', 'U2'],
      ['HBIN_CNT', 'U4'],
    ],
    optional: [
      ['HBIN_PF', 'C1'],
      ['HBIN_NAM', 'Cn'],
    ],
  },
  /** Soft bin count of a site, or of all sites (HEAD_NUM 255). */
  Sbr: {
    typ: 1,
    sub: 50,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['SBIN_NUM', 'U2'],
      ['SBIN_CNT', 'U4'],
    ],
    optional: [
      ['SBIN_PF', 'C1'],
      ['SBIN_NAM', 'Cn'],
    ],
  },
  /** Pin map: what a PMR index stands for. */
  Pmr: {
    typ: 1,
    sub: 60,
    required: [['PMR_INDX', 'U2']],
    optional: [
      ['CHAN_TYP', 'U2', 0],
      ['CHAN_NAM', 'Cn'],
      ['PHY_NAM', 'Cn'],
      ['LOG_NAM', 'Cn'],
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
    ],
  },
  /** Pin group. */
  Pgr: {
    typ: 1,
    sub: 62,
    required: [
      ['GRP_INDX', 'U2'],
      ['GRP_NAM', 'Cn'],
      ['INDX_CNT', 'U2'],
      ['PMR_INDX', 'U2[INDX_CNT]'],
    ],
    optional: [],
  },
  /** Pin list: modes and characters of pins and groups. */
  Plr: {
    typ: 1,
    sub: 63,
    required: [
      ['GRP_CNT', 'U2'],
      ['GRP_INDX', 'U2[GRP_CNT]'],
    ],
    optional: [
      ['GRP_MODE', 'U2[GRP_CNT]'],
      ['GRP_RADX', 'U1[GRP_CNT]'],
      ['PGM_CHAR', 'Cn[GRP_CNT]'],
      ['RTN_CHAR', 'Cn[GRP_CNT]'],
      ['PGM_CHAL', 'Cn[GRP_CNT]'],
      ['RTN_CHAL', 'Cn[GRP_CNT]'],
    ],
  },
  /** Retest: the whole file tests these hard bins again; none listed means all. */
  Rdr: {
    typ: 1,
    sub: 70,
    required: [
      ['NUM_BINS', 'U2'],
      ['RTST_BIN', 'U2[NUM_BINS]'],
    ],
    optional: [],
  },
  /** Site description: which sites there are and what is mounted. */
  Sdr: {
    typ: 1,
    sub: 80,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_GRP', 'U1', NO_GROUP],
      ['SITE_CNT', 'U1'],
      ['SITE_NUM', 'U1[SITE_CNT]'],
    ],
    optional: [
      ['HAND_TYP', 'Cn'],
      ['HAND_ID', 'Cn'],
      ['CARD_TYP', 'Cn'],
      ['CARD_ID', 'Cn'],
      ['LOAD_TYP', 'Cn'],
      ['LOAD_ID', 'Cn'],
      ['DIB_TYP', 'Cn'],
      ['DIB_ID', 'Cn'],
      ['CABL_TYP', 'Cn'],
      ['CABL_ID', 'Cn'],
      ['CONT_TYP', 'Cn'],
      ['CONT_ID', 'Cn'],
      ['LASR_TYP', 'Cn'],
      ['LASR_ID', 'Cn'],
      ['EXTR_TYP', 'Cn'],
      ['EXTR_ID', 'Cn'],
    ],
  },
  /** Wafer begins. */
  Wir: {
    typ: 2,
    sub: 10,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_GRP', 'U1', NO_GROUP],
      ['START_T', 'U4', NO_TIME],
    ],
    optional: [['WAFER_ID', 'Cn']],
  },
  /** Wafer ends; its WAFER_ID replaces the WIR's. */
  Wrr: {
    typ: 2,
    sub: 20,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_GRP', 'U1', NO_GROUP],
      ['FINISH_T', 'U4', NO_TIME],
      ['PART_CNT', 'U4'],
    ],
    optional: [
      ['RTST_CNT', 'U4', NO_COUNT],
      ['ABRT_CNT', 'U4', NO_COUNT],
      ['GOOD_CNT', 'U4', NO_COUNT],
      ['FUNC_CNT', 'U4', NO_COUNT],
      ['WAFER_ID', 'Cn'],
      ['FABWF_ID', 'Cn'],
      ['FRAME_ID', 'Cn'],
      ['MASK_ID', 'Cn'],
      ['USR_DESC', 'Cn'],
      ['EXC_DESC', 'Cn'],
    ],
  },
  /** Wafer geometry (stdf-v4.md section 11). */
  Wcr: {
    typ: 2,
    sub: 30,
    required: [],
    optional: [
      ['WAFR_SIZ', 'R4', 0],
      ['DIE_HT', 'R4', 0],
      ['DIE_WID', 'R4', 0],
      ['WF_UNITS', 'U1', 0],
      ['WF_FLAT', 'C1'],
      ['CENTER_X', 'I2', NO_COORD],
      ['CENTER_Y', 'I2', NO_COORD],
      ['POS_X', 'C1'],
      ['POS_Y', 'C1'],
    ],
  },
  /** Part begins on a head and site. */
  Pir: {
    typ: 5,
    sub: 10,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
    ],
    optional: [],
  },
  /** Part ends on a head and site: its bins, its place, its id. TEST_T is in milliseconds. */
  Prr: {
    typ: 5,
    sub: 20,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['PART_FLG', 'B1'],
      ['NUM_TEST', 'U2'],
      ['HARD_BIN', 'U2'],
    ],
    optional: [
      ['SOFT_BIN', 'U2', 65535],
      ['X_COORD', 'I2', NO_COORD],
      ['Y_COORD', 'I2', NO_COORD],
      ['TEST_T', 'U4', 0],
      ['PART_ID', 'Cn'],
      ['PART_TXT', 'Cn'],
      ['PART_FIX', 'Bn'],
    ],
  },
  /** Counts and statistics of one test, of a site or of all (HEAD_NUM 255). */
  Tsr: {
    typ: 10,
    sub: 30,
    required: [
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['TEST_TYP', 'C1'],
      ['TEST_NUM', 'U4'],
    ],
    optional: [
      ['EXEC_CNT', 'U4', NO_COUNT],
      ['FAIL_CNT', 'U4', NO_COUNT],
      ['ALRM_CNT', 'U4', NO_COUNT],
      ['TEST_NAM', 'Cn'],
      ['SEQ_NAME', 'Cn'],
      ['TEST_LBL', 'Cn'],
      ['OPT_FLAG', 'B1'],
      ['TEST_TIM', 'R4', { optFlag: 0x04 }],
      ['TEST_MIN', 'R4', { optFlag: 0x01 }],
      ['TEST_MAX', 'R4', { optFlag: 0x02 }],
      ['TST_SUMS', 'R4', { optFlag: 0x10 }],
      ['TST_SQRS', 'R4', { optFlag: 0x20 }],
    ],
  },
  /** One parametric result. RESULT and limits are in UNITS, unscaled; the scales are for display. */
  Ptr: {
    typ: 15,
    sub: 10,
    required: [
      ['TEST_NUM', 'U4'],
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['TEST_FLG', 'B1'],
      ['PARM_FLG', 'B1'],
      ['RESULT', 'R4'],
    ],
    optional: [
      ['TEST_TXT', 'Cn'],
      ['ALARM_ID', 'Cn'],
      ['OPT_FLAG', 'B1'],
      ['RES_SCAL', 'I1', { optFlag: 0x01 }],
      ['LLM_SCAL', 'I1', { optFlag: 0x10 }],
      ['HLM_SCAL', 'I1', { optFlag: 0x20 }],
      ['LO_LIMIT', 'R4', { optFlag: 0x50 }],
      ['HI_LIMIT', 'R4', { optFlag: 0xa0 }],
      ['UNITS', 'Cn'],
      ['C_RESFMT', 'Cn'],
      ['C_LLMFMT', 'Cn'],
      ['C_HLMFMT', 'Cn'],
      ['LO_SPEC', 'R4', { optFlag: 0x04 }],
      ['HI_SPEC', 'R4', { optFlag: 0x08 }],
    ],
  },
  /** One test with several parametric results: RTN_RSLT, one for each pin or condition. */
  Mpr: {
    typ: 15,
    sub: 15,
    required: [
      ['TEST_NUM', 'U4'],
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['TEST_FLG', 'B1'],
      ['PARM_FLG', 'B1'],
    ],
    optional: [
      ['RTN_ICNT', 'U2'],
      ['RSLT_CNT', 'U2'],
      ['RTN_STAT', 'N1[RTN_ICNT]'],
      ['RTN_RSLT', 'R4[RSLT_CNT]'],
      ['TEST_TXT', 'Cn'],
      ['ALARM_ID', 'Cn'],
      ['OPT_FLAG', 'B1'],
      ['RES_SCAL', 'I1', { optFlag: 0x01 }],
      ['LLM_SCAL', 'I1', { optFlag: 0x10 }],
      ['HLM_SCAL', 'I1', { optFlag: 0x20 }],
      ['LO_LIMIT', 'R4', { optFlag: 0x50 }],
      ['HI_LIMIT', 'R4', { optFlag: 0xa0 }],
      ['START_IN', 'R4', { optFlag: 0x02 }],
      ['INCR_IN', 'R4', { optFlag: 0x02 }],
      ['RTN_INDX', 'U2[RTN_ICNT]'],
      ['UNITS', 'Cn'],
      ['UNITS_IN', 'Cn'],
      ['C_RESFMT', 'Cn'],
      ['C_LLMFMT', 'Cn'],
      ['C_HLMFMT', 'Cn'],
      ['LO_SPEC', 'R4', { optFlag: 0x04 }],
      ['HI_SPEC', 'R4', { optFlag: 0x08 }],
    ],
  },
  /** One functional (pattern) result. */
  Ftr: {
    typ: 15,
    sub: 20,
    required: [
      ['TEST_NUM', 'U4'],
      ['HEAD_NUM', 'U1'],
      ['SITE_NUM', 'U1'],
      ['TEST_FLG', 'B1'],
    ],
    optional: [
      ['OPT_FLAG', 'B1'],
      ['CYCL_CNT', 'U4', { optFlag: 0x01 }],
      ['REL_VADR', 'U4', { optFlag: 0x02 }],
      ['REPT_CNT', 'U4', { optFlag: 0x04 }],
      ['NUM_FAIL', 'U4', { optFlag: 0x08 }],
      ['XFAIL_AD', 'I4', { optFlag: 0x10 }],
      ['YFAIL_AD', 'I4', { optFlag: 0x10 }],
      ['VECT_OFF', 'I2', { optFlag: 0x20 }],
      ['RTN_ICNT', 'U2'],
      ['PGM_ICNT', 'U2'],
      ['RTN_INDX', 'U2[RTN_ICNT]'],
      ['RTN_STAT', 'N1[RTN_ICNT]'],
      ['PGM_INDX', 'U2[PGM_ICNT]'],
      ['PGM_STAT', 'N1[PGM_ICNT]'],
      ['FAIL_PIN', 'Dn'],
      ['VECT_NAM', 'Cn'],
      ['TIME_SET', 'Cn'],
      ['OP_CODE', 'Cn'],
      ['TEST_TXT', 'Cn'],
      ['ALARM_ID', 'Cn'],
      ['PROG_TXT', 'Cn'],
      ['RSLT_TXT', 'Cn'],
      ['PATG_NUM', 'U1', 255],
      ['SPIN_MAP', 'Dn'],
    ],
  },
  /** A program section begins. */
  Bps: { typ: 20, sub: 10, required: [], optional: [['SEQ_NAME', 'Cn']] },
  /** A program section ends. */
  Eps: { typ: 20, sub: 20, required: [], optional: [] },
  /** Anything a program wants to store, with its types. */
  Gdr: {
    typ: 50,
    sub: 10,
    required: [['FLD_CNT', 'U2']],
    // Not in the standard as optional: absent here when a value has a type code that is unknown.
    optional: [['GEN_DATA', 'Vn[FLD_CNT]']],
  },
  /** A line of text for the datalog. */
  Dtr: { typ: 50, sub: 30, required: [['TEXT_DAT', 'Cn']], optional: [] },
} as const satisfies Readonly<Record<string, RecordTable>>;

/**
 * Records that V4-2007 added in files that still say version 4. They are known by name, so that
 * their counts read well; their fields are not read.
 */
export const V4_2007 = {
  Vur: { typ: 0, sub: 30 },
  Psr: { typ: 1, sub: 90 },
  Nmr: { typ: 1, sub: 91 },
  Cnr: { typ: 1, sub: 92 },
  Ssr: { typ: 1, sub: 93 },
  Cdr: { typ: 1, sub: 94 },
  Str: { typ: 15, sub: 30 },
} as const;

type Tables = typeof RECORDS;

/** `'Far'`, `'Mir'`, `'Ptr'` and so on. */
export type RecordName = keyof Tables;

type Fields<Rows extends readonly FieldRow[]> = {
  readonly [R in Rows[number] as Camel<R[0]>]: ValueOf<R[1]>;
};

type Absent<T> = { readonly [K in keyof T]?: T[K] | undefined };

type Flat<T> = { [K in keyof T]: T[K] };

/**
 * A record as it stands in the file, nothing resolved: `StdfRecord<'Ptr'>`, or the union of all.
 * `undefined` means absent from the end of the record, which is not the same as empty or 0.
 */
export type StdfRecord<Name extends RecordName = RecordName> = {
  [N in Name]: Flat<
    { readonly type: N } & Fields<Tables[N]['required']> &
      Absent<Fields<Tables[N]['optional']>> & {
        /** Bytes after the last whole field: more than the table knows, or a field cut short. */
        readonly extra?: Uint8Array | undefined;
      }
  >;
}[Name];

/** A record that was not decoded: of unknown type, too short for its type, or not asked for. */
export interface RawRecord {
  readonly type: 'Raw';
  readonly typ: number;
  readonly sub: number;
  /** The body, without the four bytes of the header; in the byte order of its file. */
  readonly bytes: Uint8Array;
}

export type ByteOrder = 'little' | 'big';
