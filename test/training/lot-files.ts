import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { RawRecord, StdfRecord } from '../../src/stdf/stdf.js';
import { createRandom } from '../../src/training/random.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { temporaryFolder } from './fixtures.js';

/** One touchdown of a made-up lot. */
export interface MadePart {
  readonly x: number;
  readonly y: number;
  readonly failing?: boolean;
  readonly results: readonly StdfRecord<'Ptr' | 'Mpr' | 'Ftr'>[];
  readonly prr?: Partial<StdfRecord<'Prr'>>;
}

/** Dies of one column each, with tests 100, 101, ... that share one hidden factor; every tenth fails far out. */
export function correlatedParts(dies: number, tests: number): MadePart[] {
  const random = createRandom(`lot ${dies} ${tests}`);
  return Array.from({ length: dies }, (_, die) => {
    const failing = die % 10 === 9;
    const factor = random.normal();
    const results = Array.from({ length: tests }, (_, t) => {
      const value = 10 + factor + 0.3 * random.normal() + (failing && t < 2 ? 20 : 0);
      const first: Partial<StdfRecord<'Ptr'>> =
        die > 0
          ? {}
          : { testTxt: `T${t}`, optFlag: 0x0e, resScal: 3, loLimit: 0.1, hiLimit: 20.5, units: 'V' };
      return ptr(100 + t, value, first);
    });
    return { x: die, y: die % 7, failing, results };
  });
}

/** The records of a lot of one wafer. */
export function lotRecords(parts: readonly MadePart[], lotId = 'LOT-1'): (StdfRecord | RawRecord)[] {
  return [
    { ...mir, lotId },
    { type: 'Wir', headNum: 1, siteGrp: 255, startT: 5, waferId: 'W01' },
    ...parts.flatMap(({ x, y, failing = false, results, prr: more }) => [
      pir(1, 0),
      ...results,
      prr(1, 0, {
        ...{ xCoord: x, yCoord: y, partFlg: failing ? 8 : 0, hardBin: failing ? 4 : 1 },
        softBin: failing ? 7 : 1,
        ...more,
      }),
    ]),
    { type: 'Wrr', headNum: 1, siteGrp: 255, finishT: 6, partCnt: parts.length },
    { type: 'Sbr', headNum: 255, siteNum: 0, sbinNum: 7, sbinCnt: 1, sbinPf: 'F', sbinNam: 'leakage' },
    mrr,
  ];
}

/** A file of these bytes; packed where the name says so. */
export async function writeLot(bytes: Uint8Array, name = 'lot.stdf'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, name.endsWith('.gz') ? gzipSync(bytes) : bytes);
  return path;
}

export function lotFile(parts: readonly MadePart[], name?: string, lotId?: string): Promise<string> {
  return writeLot(fileOf(lotRecords(parts, lotId)), name);
}
