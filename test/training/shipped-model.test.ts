import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ReferenceSchema } from '../../src/models/manifest/reference.js';
import { ScreenManifestSchema } from '../../src/models/manifest/task-manifests.js';
import { createRandom } from '../../src/training/random.js';
import { buildShippedModel } from '../../src/training/shipped-model.js';
import { temporaryFolder } from './fixtures.js';
import { runWithOrt, scoreWithOrt } from './score-with-ort.js';

const COMMITTED = fileURLToPath(new URL('../../models/die-defect/1', import.meta.url));
const committed = (name: string) => readFile(join(COMMITTED, name));
const manifest = ScreenManifestSchema.parse(JSON.parse(String(await committed('manifest.json'))));

describe('the model that ships', () => {
  it('is made again, bit for bit, from the simulator and the trainer', async () => {
    const out = join(await temporaryFolder(), 'die-defect', '1');
    const { codeVersion } = manifest.lineage;
    await buildShippedModel({ out, force: false, codeVersion, scoreDies: scoreWithOrt(512) });
    const names = (await readdir(COMMITTED)).sort();
    expect((await readdir(out)).sort()).toEqual(names);
    for (const name of names) {
      expect((await readFile(join(out, name))).equals(await committed(name)), `${name} is the same`).toBe(
        true,
      );
    }
  }, 180_000);

  it('catches at least 95% of held-out defective dies at no more than 1% false alarms', () => {
    expect(manifest.metrics.detectionRate).toBeGreaterThanOrEqual(0.95);
    expect(manifest.metrics.falseAlarmRate).toBeLessThanOrEqual(0.01);
    expect(manifest.calibration.basis).toBe('labelled');
  });

  it('is small, and described as its schemas want', async () => {
    expect((await committed('model.onnx')).length).toBeLessThan(300_000);
    expect(manifest.input.parameters).toHaveLength(512);
    const reference = ReferenceSchema.parse(JSON.parse(String(await committed('reference.json'))));
    expect(reference.parameters).toHaveLength(512);
  });

  it('gives a die the same bits alone and in any batch', async () => {
    const random = createRandom('batches');
    const centres = Array.isArray(manifest.input.parameters) ? manifest.input.parameters : [];
    const params = Float32Array.from(
      { length: 100 * 512 },
      (_, i) => (centres[i % 512]?.expected ?? 0) * (1 + 0.03 * random.normal()),
    );
    const file = join(COMMITTED, 'model.onnx');
    const alone = await runWithOrt(file, params, 512, 1);
    for (const batch of [2, 5, 16, 33, 64, 100]) {
      const { scores, contributions } = await runWithOrt(file, params, 512, batch);
      expect(scores).toEqual(alone.scores);
      expect(contributions).toEqual(alone.contributions);
    }
  });
});
