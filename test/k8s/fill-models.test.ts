import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DIEGATE_VERSION } from '../../src/version.js';
import { Job, only } from './kinds.js';
import { readObjects } from './kustomize.js';
import { present } from './pods.js';

test('the job that fills the model volume copies the models of the image and changes none that is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'diegate-fill-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const image = join(folder, 'image');
  const volume = join(folder, 'volume');
  await mkdir(join(image, 'die-defect/1'), { recursive: true });
  await mkdir(volume);
  await writeFile(join(image, 'die-defect/1/model.onnx'), 'model');
  await writeFile(join(image, 'serving.json'), 'of the image');
  await writeFile(join(volume, 'serving.json'), 'of the volume');

  const pod = present(only(readObjects('examples/fill-models.yaml'), Job).spec?.template.spec);
  const [program, option, script] = present(pod.containers[0]?.command);
  expect(pod.containers[0]?.image).toBe(`diegate:${DIEGATE_VERSION}`);
  expect([program, option]).toEqual(['node', '-e']);
  const here = present(script)
    .replace("'/app/models'", JSON.stringify(image))
    .replace("'/models'", JSON.stringify(volume));
  execFileSync(process.execPath, ['-e', here]);

  expect(existsSync(join(volume, 'die-defect/1/model.onnx'))).toBe(true);
  expect(await readFile(join(volume, 'serving.json'), 'utf8')).toBe('of the volume');
});
