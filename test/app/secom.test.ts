import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PredictionSchema, PredictionsSchema } from '../../src/die/prediction.js';
import { post } from '../support/http.js';
import { temporaryFolder } from '../support/models.js';
import { MAIN, REPOSITORY_ROOT, ServerProcess } from '../support/server-process.js';

const CSV = join(REPOSITORY_ROOT, '../shared/data/secom-sample.csv');
const isThere = existsSync(CSV);
if (!isThere) process.stdout.write(`skipped: the SECOM test needs ${CSV}, which is not there\n`);

const TRAINING_ROWS = 300;

interface SecomRow {
  readonly failed: boolean;
  readonly die: { readonly die_id: string; readonly test_params: readonly (number | null)[] };
}

/** The rows of the sample with sensors s000 to s511; a value that is missing is null. */
function readRows(): SecomRow[] {
  const [header = '', ...lines] = readFileSync(CSV, 'utf8').trim().split('\n');
  const names = header.split(',');
  const first = names.indexOf('s000');
  const label = names.indexOf('label');
  return lines.map((line) => {
    const cells = line.split(',');
    const values = cells.slice(first, first + 512);
    return {
      failed: cells[label] === 'fail',
      die: {
        die_id: `row ${cells[0]}`,
        test_params: values.map((text) => (text === '' ? null : Number(text))),
      },
    };
  });
}

/** The share of pairs of a fail and a pass in which the fail scores higher, from the ranks; ties count half. */
function areaUnderCurve(scores: readonly number[], failed: readonly boolean[]): number {
  const fails = scores.filter((_, i) => failed[i]);
  const passes = scores.filter((_, i) => !failed[i]);
  const wins = fails.flatMap((fail) => passes.map((pass) => (fail > pass ? 1 : fail === pass ? 0.5 : 0)));
  return wins.reduce((sum: number, win) => sum + win, 0) / wins.length;
}

test.runIf(isThere)(
  'a version trained on real rows answers every other row, one by one and in a batch alike to the last bit',
  { timeout: 120_000 },
  async () => {
    const rows = readRows();
    expect(rows).toHaveLength(392);
    const repository = await temporaryFolder();
    await promisify(execFile)(process.execPath, [
      MAIN,
      'train',
      CSV,
      ...['--parameters', 's000..s511'],
      ...['--rows', `1..${TRAINING_ROWS}`],
      ...['--out', join(repository, 'secom', '1')],
    ]);
    await writeFile(join(repository, 'serving.json'), '{"defaultModel":"secom","models":{}}');
    const server = new ServerProcess({ MODEL_REPOSITORY: repository });
    const url = await server.url();

    const others = rows.slice(TRAINING_ROWS);
    expect(others.some(({ die }) => die.test_params.includes(null))).toBe(true);
    const alone = [];
    for (const { die } of others) {
      const answer = await post(`${url}/predict`, JSON.stringify(die));
      expect(answer.status, answer.body).toBe(200);
      alone.push(PredictionSchema.parse(JSON.parse(answer.body)));
    }
    const batch = await post(`${url}/predict/batch`, JSON.stringify(others.map(({ die }) => die)));
    expect(batch.status, batch.body.slice(0, 500)).toBe(200);
    const { predictions, count } = PredictionsSchema.parse(JSON.parse(batch.body));
    expect(count).toBe(92);
    const decided = (list: typeof predictions) =>
      list.map(({ die_id, prediction, confidence, anomaly_score }) => [
        die_id,
        prediction,
        confidence,
        anomaly_score,
      ]);
    expect(decided(predictions)).toEqual(decided(alone));

    const failed = others.map((row) => row.failed);
    const auc = areaUnderCurve(
      predictions.map(({ anomaly_score }) => anomaly_score),
      failed,
    );
    const alarms = predictions.filter(({ prediction }) => prediction === 'fail').length;
    process.stdout.write(
      `SECOM: AUC ${auc.toFixed(3)} on ${count} rows (${failed.filter(Boolean).length} fails), ${alarms} called fail\n`,
    );
    expect(auc).toBeGreaterThan(0);
  },
);
