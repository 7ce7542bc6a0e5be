import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertWritable } from '../../src/cli/writable.js';
import { temporaryFolder } from '../support/models.js';
import { problemsOf } from './support.js';

describe('the outputs of a command, checked before it begins', () => {
  it('may be new files, files to replace, or none', async () => {
    const folder = await temporaryFolder();
    const old = join(folder, 'old.csv');
    await writeFile(old, 'x');
    await assertWritable({ '--out': old, '--report': join(folder, 'new.html') }, [join(folder, 'lot.stdf')]);
    await assertWritable({ '--out': undefined }, []);
  });

  it('must not be an input, by whatever name, nor each other', async () => {
    const folder = await temporaryFolder();
    const [lot, link, page] = [join(folder, 'lot.stdf'), join(folder, 'link'), join(folder, 'page.html')];
    await writeFile(lot, 'x');
    await symlink(lot, link);
    expect(
      await problemsOf(assertWritable({ '--out': link, '--report': page, '--also': page }, [lot])),
    ).toEqual([
      `--out: ${link} is the input ${lot} too, expected a file of its own`,
      `--also: ${page} is --report too, expected a file of its own`,
    ]);
  });

  it('must have a folder that is there, and not be one', async () => {
    const folder = await temporaryFolder();
    const nowhere = join(folder, 'nowhere', 'x.csv');
    expect(await problemsOf(assertWritable({ '--out': nowhere, '--report': folder }, []))).toEqual([
      expect.stringMatching(/^--out: .* cannot be written: ENOENT/),
      `--report: ${folder} cannot be written: it is a folder`,
    ]);
  });
});
