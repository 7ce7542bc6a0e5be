import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPartMeasurer, type MeasuredPart } from '../../src/lots/measure-part.js';
import { ManifestSchema } from '../../src/models/manifest/manifest.js';
import { assembleParts, type Part } from '../../src/stdf/stdf.js';
import { measureScreen } from '../../src/training/evaluation/metrics.js';
import { oneForEachDie } from '../lots/dies-of.js';
import { runWithOrt } from './score-with-ort.js';

export interface ScoredPart extends MeasuredPart {
  readonly score: number;
  readonly flagged: boolean;
}

/** Parts of a lot that have parametric results, scored as the server would: measured, then ONNX Runtime. */
export async function scoreLot(
  lotFile: string,
  folder: string,
  which: 'last touchdowns' | 'all touchdowns',
): Promise<ScoredPart[]> {
  const manifest = ManifestSchema.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
  const measurer = createPartMeasurer(manifest.input.parameters, 'lot');
  const stream = assembleParts(createReadStream(lotFile));
  const parts: Part[] = [];
  for await (const part of stream) parts.push(part);
  const counting = which === 'all touchdowns' ? parts : oneForEachDie(parts, 'last');
  const [lot] = stream.lots();
  if (lot === undefined) throw new Error('no lot');
  const measured = counting.map((part) => measurer.measure(part, lot)).filter((m) => m.measured > 0);
  const width = measured[0]?.params.length ?? 0;
  const params = new Float32Array(measured.length * width);
  measured.forEach((m, row) => {
    params.set(m.params, row * width);
  });
  const { scores } = await runWithOrt(join(folder, 'model.onnx'), params, width);
  return measured.map((m, row) => {
    const score = scores[row] ?? Number.NaN;
    return { ...m, score, flagged: score > manifest.threshold };
  });
}

/** How many of the really failing parts are caught and of the passing ones flagged. */
export function outcome(scored: readonly ScoredPart[]) {
  const failing = scored.filter(({ part }) => part.verdict === 'fail');
  const passing = scored.filter(({ part }) => part.verdict === 'pass');
  return {
    caught: failing.filter(({ flagged }) => flagged).length,
    failing: failing.length,
    flagged: passing.filter(({ flagged }) => flagged).length,
    passing: passing.length,
    auc: measureScreen(
      scored.map(({ score, part }) => ({ score, passing: part.verdict === 'pass', defect: undefined })),
      1,
    ).auc,
  };
}
