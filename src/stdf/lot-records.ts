import { NO_COUNT, NO_GROUP, NO_TIME, type RecordTable } from './record-table.js';

/** The records of a file, its lot and its tester: stdf-v4.md sections 3 and 4. */
export const LOT_RECORDS = {
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
} as const satisfies Readonly<Record<string, RecordTable>>;
