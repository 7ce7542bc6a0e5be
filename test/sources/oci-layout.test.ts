import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importCommand } from '../../src/cli/import.js';
import { packCommand } from '../../src/cli/pack.js';
import { problemsOf, runCommand } from '../cli/support.js';
import { sumVersion, temporaryFolder, writeRepository } from '../support/models.js';
import { WORKER } from '../support/pool.js';

const pack = (args: readonly string[]) => runCommand((streams) => packCommand({ streams }), args);
const importing = (args: readonly string[]) =>
  runCommand((streams) => importCommand({ streams, environment: {}, workerEntry: WORKER }), args);

/** A version of three parameters, packed. */
async function packed(): Promise<{ folder: string; layout: string }> {
  const folder = join(await writeRepository([sumVersion(3)]), 'sum', '1');
  const layout = join(await temporaryFolder(), 'layout');
  await pack([folder, '--out', layout]);
  return { folder, layout };
}

describe('a version that was packed', () => {
  test('is imported file by file as it was, and a second import changes nothing', async () => {
    const { folder, layout } = await packed();
    const repository = await temporaryFolder();
    expect((await importing([layout, '--repository', repository])).out).toContain('sum/1 is imported');
    const copy = join(repository, 'sum', '1');
    expect((await readdir(copy)).sort()).toEqual((await readdir(folder)).sort());
    for (const name of await readdir(folder)) {
      expect(await readFile(join(copy, name))).toEqual(await readFile(join(folder, name)));
    }
    expect((await importing([layout, '--repository', repository])).out).toContain('sum/1 is there already');
    expect(await readdir(repository)).toEqual(['sum']);
  });

  test('has the same digest each time', async () => {
    const { folder, layout } = await packed();
    const again = `${layout}-again`;
    await pack([folder, '--out', again]);
    expect(await readFile(join(again, 'index.json'), 'utf8')).toBe(
      await readFile(join(layout, 'index.json'), 'utf8'),
    );
  });

  test('is refused when any blob is not what its digest says, and nothing is placed', async () => {
    const { layout } = await packed();
    const blobs = join(layout, 'blobs', 'sha256');
    for (const name of await readdir(blobs)) {
      const file = join(blobs, name);
      const whole = await readFile(file);
      const damaged = Buffer.from(whole);
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
      await writeFile(file, damaged);
      const repository = await temporaryFolder();
      const [problem] = await problemsOf(importing([layout, '--repository', repository]));
      expect(problem).toMatch(/it was damaged or changed/);
      expect(await readdir(repository)).toEqual([]);
      await writeFile(file, whole);
    }
  });

  test('is refused when a layer would be written outside of the version', async () => {
    const { layout } = await packed();
    await replaceManifest(layout, (text) =>
      text.replaceAll('"org.cncf.model.filepath":"manifest.json"', '"org.cncf.model.filepath":"../../x"'),
    );
    const [problem] = await problemsOf(importing([layout, '--repository', await temporaryFolder()]));
    expect(problem).toContain('"../../x", expected a path within the model');
  });

  test('is refused when it is no model, in words', async () => {
    const { layout } = await packed();
    await replaceManifest(layout, (text) =>
      text.replace('application/vnd.cncf.model.manifest.v1+json', 'application/x'),
    );
    const [problem] = await problemsOf(importing([layout, '--repository', await temporaryFolder()]));
    expect(problem).toContain(
      'artifactType: expected a model: "application/vnd.cncf.model.manifest.v1+json"',
    );
  });
});

/** Changes a layout's manifest together with its digest, as somebody would who writes it anew. */
async function replaceManifest(layout: string, change: (text: string) => string): Promise<void> {
  const { createHash } = await import('node:crypto');
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  const [entry] = index.manifests;
  const old = await readFile(join(layout, 'blobs', 'sha256', entry.digest.slice(7)), 'utf8');
  const text = change(old);
  expect(text).not.toBe(old);
  const sha256 = createHash('sha256').update(text).digest('hex');
  await writeFile(join(layout, 'blobs', 'sha256', sha256), text);
  index.manifests = [{ ...entry, digest: `sha256:${sha256}`, size: Buffer.byteLength(text) }];
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
}
