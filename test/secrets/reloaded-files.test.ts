import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Fault } from '../../src/errors.js';
import { ReloadedFiles } from '../../src/secrets/reloaded-files.js';
import { FakeClock } from '../support/fake-clock.js';
import { temporaryFolder } from '../support/models.js';

/** A file's text, where "bad" is refused; what was logged, and what was reloaded. */
async function watched(file: string) {
  const logged: string[] = [];
  const reloaded: string[] = [];
  const log = (level: string) => (_details: unknown, message?: string) => logged.push(`${level}: ${message}`);
  const clock = new FakeClock();
  const files = await ReloadedFiles.open<string>({
    what: 'words',
    files: [file],
    read: async () => {
      const text = await readFile(file, 'utf8');
      if (text === 'bad') throw new Fault('invalid_config', ['bad']);
      return text;
    },
    onReload: (text) => reloaded.push(text),
    intervalMs: 5_000,
    clock,
    logger: { info: log('info'), error: log('error') },
  });
  return { files, logged, reloaded, clock };
}

test('a file that has not changed is not read again', async () => {
  const file = join(await temporaryFolder(), 'words');
  await writeFile(file, 'one');
  const { files, logged } = await watched(file);
  await files.check();
  await files.check();
  expect(files.current).toBe('one');
  expect(logged).toEqual([]);
});

test('a change is seen: written in place, of the same length, or moved into its place', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'words');
  await writeFile(file, 'one');
  const { files, reloaded } = await watched(file);
  await writeFile(file, 'two');
  await files.check();
  await writeFile(join(folder, 'next'), 'six');
  await rename(join(folder, 'next'), file);
  await files.check();
  expect(reloaded).toEqual(['two', 'six']);
  expect(files.current).toBe('six');
});

test('a link that is swapped, as Kubernetes does with a Secret, is a change', async () => {
  const folder = await temporaryFolder();
  for (const version of ['v1', 'v2']) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'words'), version);
  }
  await symlink('v1', join(folder, '..data'));
  await symlink(join('..data', 'words'), join(folder, 'words'));
  const { files } = await watched(join(folder, 'words'));
  expect(files.current).toBe('v1');
  await symlink('v2', join(folder, '..tmp'));
  await rename(join(folder, '..tmp'), join(folder, '..data'));
  await files.check();
  expect(files.current).toBe('v2');
});

test('what is bad or gone is logged once and changes nothing; what comes after it is read', async () => {
  const file = join(await temporaryFolder(), 'words');
  await writeFile(file, 'one');
  const { files, logged } = await watched(file);
  await writeFile(file, 'bad');
  await files.check();
  await files.check();
  expect(files.current).toBe('one');
  await rm(file);
  await files.check();
  await files.check();
  expect(files.current).toBe('one');
  await writeFile(file, 'two');
  await files.check();
  expect(files.current).toBe('two');
  const stays = 'error: cannot be reloaded, the last good content stays';
  expect(logged).toEqual([stays, stays, 'info: reloaded']);
});

test('it looks by the clock, until it is stopped', async () => {
  const file = join(await temporaryFolder(), 'words');
  await writeFile(file, 'one');
  const { files, clock } = await watched(file);
  expect(clock.nextTimerInMs).toBe(5_000);
  files.stop();
  expect(clock.timers).toBe(0);
});

test('what is wrong at first is thrown', async () => {
  const file = join(await temporaryFolder(), 'words');
  await writeFile(file, 'bad');
  await expect(watched(file)).rejects.toThrow(Fault);
});
