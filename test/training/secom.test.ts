import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { measureScreen } from '../../src/training/evaluation/metrics.js';
import { readDieTable } from '../../src/training/table/read-die-table.js';
import { trainFiles } from '../../src/training/train-files.js';
import { temporaryFolder } from './fixtures.js';
import { runWithOrt, scoreWithOrt } from './score-with-ort.js';

const SECOM = fileURLToPath(new URL('../../../shared/data/secom-sample.csv', import.meta.url));
const PARAMETERS = 's000..s511';

if (!existsSync(SECOM)) process.stdout.write(`skipped: real data, ${SECOM} is not there\n`);

describe.skipIf(!existsSync(SECOM))('a real semiconductor line (SECOM)', () => {
  it('trains on the first 300 rows and gives every other row a finite score, missing values and all', async () => {
    const out = join(await temporaryFolder(), 'secom', '1');
    const { result } = await trainFiles({
      csv: [SECOM],
      parameters: PARAMETERS,
      rows: '1..300',
      out,
      created: '2026-01-01T00:00:00Z',
      codeVersion: '0.0.0',
      rebuild: [],
      scoreDies: scoreWithOrt(512),
    });
    const manifest = ManifestSchema.parse(JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')));
    expect(manifest.input).toMatchObject({ missing: 'impute' });
    expect(manifest.input.parameters).toHaveLength(512);
    const { use } = result.screen.standardisation;
    expect(use.filter((each) => each === 'constant').length).toBeGreaterThan(50);

    const others = await readDieTable([SECOM], { parameters: PARAMETERS, rows: '301..392' });
    expect(others.values.some(Number.isNaN)).toBe(true);
    const { scores } = await runWithOrt(join(out, 'model.onnx'), others.values, 512);
    expect(scores).toHaveLength(92);
    expect([...scores].every((score) => Number.isFinite(score) && score >= 0)).toBe(true);
    const metrics = measureScreen(
      Array.from(scores, (score, die) => ({ score, passing: others.passing[die] === 1, defect: undefined })),
      manifest.threshold,
    );
    process.stdout.write(
      `SECOM, ${metrics.passingDies} passing and ${metrics.defectiveDies} failing rows not trained on: AUC ${metrics.auc?.toFixed(3)}, ` +
        `detection ${metrics.detectionRate?.toFixed(3)}, false alarms ${metrics.falseAlarmRate?.toFixed(3)}\n`,
    );
    // SECOM is hard: the promise is an answer for every row, not a good one.
    expect(metrics.auc).toBeGreaterThan(0.3);
  });
});
