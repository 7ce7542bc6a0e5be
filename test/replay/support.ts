import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReplayClock } from '../../src/replay/clock.js';
import type { PostAttempt } from '../../src/replay/http-client.js';
import type { PostableDie } from '../../src/replay/touchdowns.js';
import { NO_RESULTS } from '../../src/stdf/part-results.js';
import type { Part, StdfRecord } from '../../src/stdf/stdf.js';
import { fileOf, mir, mrr, pir, prr, ptr } from '../stdf/support.js';
import { temporaryFolder } from '../support/models.js';

/** A die of a lot of one's own. Bin 1 passes. */
export interface LotPart {
  /** By test number; none for a part without parametric records. */
  readonly values: Readonly<Record<number, number>>;
  readonly bin?: number;
  readonly x?: number;
  readonly y?: number;
}

export const WIR: StdfRecord<'Wir'> = { type: 'Wir', headNum: 1, siteGrp: 255, startT: 1, waferId: 'W1' };
const WRR: StdfRecord<'Wrr'> = {
  type: 'Wrr',
  headNum: 1,
  siteGrp: 255,
  finishT: 2,
  partCnt: 0,
  waferId: 'W1',
};

/** The records of a lot with these parts, one after the other on one wafer. */
export function lotRecords(parts: readonly LotPart[]): StdfRecord[] {
  return [mir, WIR, ...parts.flatMap(partRecords), WRR, mrr];
}

function partRecords({ values, bin = 1, x, y }: LotPart, i: number): StdfRecord[] {
  const numbers = Object.entries(values);
  return [
    pir(1, 0),
    ...numbers.map(([test, value]) => ptr(Number(test), value)),
    prr(1, 0, {
      partFlg: bin === 1 ? 0 : 8,
      numTest: numbers.length,
      hardBin: bin,
      softBin: bin,
      xCoord: x ?? i % 5,
      yCoord: y ?? Math.floor(i / 5),
    }),
  ];
}

/** Writes a lot to a temporary file; the answer is its path. */
export async function writeLot(parts: readonly LotPart[]): Promise<string> {
  const file = join(await temporaryFolder(), 'tiny.stdf');
  await writeFile(file, fileOf(lotRecords(parts)));
  return file;
}

/** Postable dies with the given part indexes; only what a replay looks at. */
export function postable(index: number): PostableDie {
  const part: Part = {
    index,
    headNum: 1,
    siteNum: 0,
    wafer: undefined,
    end: 'ended',
    partId: undefined,
    partTxt: undefined,
    x: index,
    y: 0,
    hardBin: 1,
    softBin: 1,
    partFlg: 0,
    verdict: 'pass',
    abnormal: false,
    numTest: 1,
    testTimeMs: undefined,
    results: NO_RESULTS,
    retestFlag: undefined,
    openedAfter: index,
    lot: 0,
  };
  const die_id = `die${index}`;
  return { part, label: { die_id }, json: JSON.stringify({ die_id, test_params: [1] }) };
}

/** A prediction as the server writes it. */
export function predictionOf(die_id: string, changes: Readonly<Record<string, unknown>> = {}) {
  return {
    die_id,
    prediction: 'pass',
    confidence: 0.9,
    anomaly_score: 0.5,
    inference_time_ms: 0.1,
    timestamp: '2026-01-01T00:00:00.000Z',
    model_name: 'sum',
    model_version: '1',
    ...changes,
  };
}

export function answer(status: number, body: unknown, retryAfter?: string): PostAttempt {
  return { kind: 'answer', status, retryAfter, body: JSON.stringify(body), latencyMs: 1 };
}

/** The answer that a sound server gives to a body of /predict or /predict/batch. */
export function soundAnswer(json: string): PostAttempt {
  const body: unknown = JSON.parse(json);
  const ids = idsOf(json);
  if (!Array.isArray(body)) return answer(200, predictionOf(ids[0] ?? ''));
  return answer(200, { predictions: ids.map((id) => predictionOf(id)), count: ids.length });
}

/** The die ids of a posted body, in its order. */
export function idsOf(json: string): string[] {
  return [...json.matchAll(/"die_id":"([^"]*)"/g)].map(([, id]) => id ?? '');
}

/** A real clock that runs this many times too fast. */
export function fastClock(times: number): ReplayClock {
  return {
    nowMs: () => performance.now() * times,
    after(ms, run) {
      const timer = setTimeout(run, ms / times);
      return () => clearTimeout(timer);
    },
  };
}
