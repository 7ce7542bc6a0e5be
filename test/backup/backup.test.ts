import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { packTar, type TarEntry } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { type Disk, systemDisk } from '../../src/backup/disk.js';
import { BackupPathSchema } from '../../src/backup/index-file.js';
import { checkBackup, restoreRepository } from '../../src/backup/restore-repository.js';
import { writeBackup } from '../../src/backup/write-backup.js';
import { problemsOf } from '../cli/support.js';
import { sumVersion, temporaryFolder, writeRepository } from '../support/models.js';
import { treeOf } from './support.js';

const NOW = () => new Date('2026-03-01T12:00:00.000Z');

/** A repository of two versions and its backup. */
async function backedUp(changes: { description?: string } = {}) {
  const folder = await temporaryFolder();
  const made = await writeRepository([sumVersion(3, changes), sumVersion(3, { version: '2', ...changes })], {
    defaultModel: 'sum',
    models: { sum: { default: '2' } },
  });
  const repository = join(folder, 'models');
  await rename(made, repository);
  const archive = join(folder, 'backup.tar.gz');
  const index = await writeBackup({ repository, out: archive, toolVersion: '1.2.3', now: NOW });
  return { folder, repository, archive, index };
}

describe('a backup', () => {
  it('has an index with size and sha256 of every file, the serving state first', async () => {
    const { repository, index } = await backedUp();
    expect(index).toMatchObject({ format: 1, toolVersion: '1.2.3', created: '2026-03-01T12:00:00.000Z' });
    expect(index.files.map(({ path }) => path)).toEqual([
      'serving.json',
      'sum/1/manifest.json',
      'sum/1/model.onnx',
      'sum/2/manifest.json',
      'sum/2/model.onnx',
    ]);
    for (const { path, size, sha256 } of index.files) {
      const bytes = await readFile(join(repository, path));
      expect([size, sha256]).toEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')]);
    }
  });

  it('leaves out what is hidden (versions still being written) and what is no model, and follows links', async () => {
    const { folder, repository } = await backedUp();
    await mkdir(join(repository, 'sum', '.3-partial-x'));
    await writeFile(join(repository, 'sum', '.3-partial-x', 'model.onnx'), 'half');
    await mkdir(join(repository, 'lost+found'));
    await writeFile(join(repository, 'lost+found', 'x'), 'x');
    await mkdir(join(folder, 'volume'));
    await writeFile(join(folder, 'volume', 'README.md'), 'mounted');
    await symlink(join(folder, 'volume'), join(repository, 'mounted'));
    const index = await writeBackup({
      repository,
      out: join(folder, 'b.tar.gz'),
      toolVersion: '1',
      now: NOW,
    });
    expect(index.files.map(({ path }) => path.split('/')[0])).toEqual([
      'serving.json',
      'mounted',
      'sum',
      'sum',
      'sum',
      'sum',
    ]);
  });

  it('does not follow a link in a circle for ever', async () => {
    const { folder, repository } = await backedUp();
    await symlink(join(repository, 'sum'), join(repository, 'sum', 'again'));
    const writing = writeBackup({ repository, out: join(folder, 'b.tar.gz'), toolVersion: '1', now: NOW });
    expect(await problemsOf(writing)).toEqual([expect.stringMatching(/more than 8 folders deep/)]);
    expect(await readdir(folder)).toEqual(['backup.tar.gz', 'models']);
  });

  it('is refused for a repository without serving state or without a model, and nothing is written', async () => {
    const { folder, repository } = await backedUp();
    const write = () =>
      writeBackup({ repository, out: join(folder, 'b.tar.gz'), toolVersion: '1', now: NOW });
    await rm(join(repository, 'sum'), { recursive: true });
    expect(await problemsOf(write())).toEqual([expect.stringMatching(/holds no model/)]);
    await rm(join(repository, 'serving.json'));
    expect(await problemsOf(write())).toEqual([
      expect.stringMatching(/serving\.json cannot be read: ENOENT/),
    ]);
    expect(await readdir(folder)).toEqual(['backup.tar.gz', 'models']);
  });

  it.each([
    ['as long as before', (bytes: Buffer) => Buffer.alloc(bytes.length)],
    ['longer', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
    ['shorter', (bytes: Buffer) => bytes.subarray(1)],
  ])('is refused when a file changes meanwhile, %s', async (_how, change) => {
    const { folder, repository } = await backedUp();
    const model = join(repository, 'sum', '1', 'model.onnx');
    const changed = change(await readFile(model));
    // The time is asked for when every file has been read once, and before it is read again.
    const now = () => {
      writeFileSync(model, changed);
      return NOW();
    };
    const writing = writeBackup({ repository, out: join(folder, 'b.tar.gz'), toolVersion: '1', now });
    expect(await problemsOf(writing)).toEqual([
      `${model} changed while it was backed up: run the backup again`,
    ]);
    expect(await readdir(folder)).toEqual(['backup.tar.gz', 'models']);
  });

  it('holds 300 versions without holding 300 files open', async () => {
    const { folder, repository } = await backedUp();
    for (let version = 3; version <= 300; version++) {
      await mkdir(join(repository, 'sum', String(version)));
      await writeFile(join(repository, 'sum', String(version), 'model.onnx'), Buffer.alloc(1000, version));
    }
    const archive = join(folder, 'many.tar.gz');
    await writeBackup({ repository, out: archive, toolVersion: '1', now: NOW });
    const target = join(folder, 'restored');
    await restoreRepository({ archive, repository: target, force: false, discard: false, now: NOW });
    expect(await treeOf(target)).toEqual(await treeOf(repository));
  });
});

describe('a restore', () => {
  it('brings back every file, bit for bit', async () => {
    const { repository, archive } = await backedUp();
    const before = await treeOf(repository);
    await rm(repository, { recursive: true });
    const { previous } = await restoreRepository({
      archive,
      repository,
      force: false,
      discard: false,
      now: NOW,
    });
    expect(await treeOf(repository)).toEqual(before);
    expect(previous).toBeUndefined();
  });

  it('refuses to replace a repository unless told to, and then keeps the old one', async () => {
    const { folder, repository, archive } = await backedUp();
    const before = await treeOf(repository);
    await writeFile(join(repository, 'serving.json'), 'changed since');
    const options = { archive, repository, discard: false, now: NOW };
    expect(await problemsOf(restoreRepository({ ...options, force: false }))).toEqual([
      expect.stringMatching(/models exists: choose another folder, or --force/),
    ]);
    const { previous } = await restoreRepository({ ...options, force: true });
    expect(await treeOf(repository)).toEqual(before);
    expect(previous).toBe(`${repository}.previous-2026-03-01T12-00-00-000Z`);
    expect((await treeOf(previous ?? ''))['serving.json']).toBe('changed since');
    expect((await readdir(folder)).length).toBe(3);
  });

  it('removes the old one where that is asked for', async () => {
    const { folder, repository, archive } = await backedUp();
    await restoreRepository({ archive, repository, force: true, discard: true, now: NOW });
    expect(await readdir(folder)).toEqual(['backup.tar.gz', 'models']);
  });

  it.each([
    // Between the two renames of a folder both lie whole beside the empty place.
    { kind: 'folder', outcomes: /^o{10,}-n+$/ },
    { kind: 'link', outcomes: /^o{10,}n+$/ },
  ])(
    'of a $kind leaves the old or the new repository whole, wherever it is cut off, and can be run again',
    async ({ kind, outcomes }) => {
      const { folder, repository: made, archive } = await backedUp();
      const restored = await treeOf(made);
      await writeFile(join(made, 'serving.json'), 'the old one');
      const old = await treeOf(made);
      const pristine = join(await temporaryFolder(), 'models');
      await rename(made, pristine);
      const repository = join(folder, 'models');
      let seen = '';
      let minute = 0;
      const now = () => new Date(Date.UTC(2026, 2, 1, 12, minute++));
      const options = { archive, repository, force: true, discard: kind === 'folder', now };
      for (let steps = 0, ended = ''; ended !== 'done'; steps++) {
        await cp(pristine, join(folder, kind === 'link' ? 'models.first' : 'models'), { recursive: true });
        if (kind === 'link') await symlink('models.first', repository);

        ended = await restoreRepository({ ...options, disk: crashingAfter(steps) }).then(
          () => 'done',
          () => 'cut off',
        );
        const found = await treeOf(repository).catch(() => undefined);
        const beside = (await readdir(folder)).filter((name) => name.startsWith('models.'));
        const whole = await Promise.all(beside.map((name) => treeOf(join(folder, name))));
        expect(found === undefined ? whole : [old, restored]).toEqual(
          expect.arrayContaining(found === undefined ? [old, restored] : [found]),
        );
        seen += found === undefined ? '-' : found['serving.json'] === 'the old one' ? 'o' : 'n';

        await restoreRepository(options);
        expect(await treeOf(repository)).toEqual(restored);
        for (const name of await readdir(folder)) {
          if (name.startsWith('models')) await rm(join(folder, name), { recursive: true });
        }
      }
      expect(seen).toMatch(outcomes);
    },
  );

  it('of a link leaves what it led to, unless that is not wanted', async () => {
    const { folder, repository, archive } = await backedUp();
    const before = await treeOf(repository);
    const [first, link] = [join(folder, 'first'), join(folder, 'link')];
    await rename(repository, first);
    await symlink('first', link);
    const options = { archive, repository: link, force: true, now: NOW };
    const { previous } = await restoreRepository({ ...options, discard: false });
    expect([previous, await treeOf(link), await treeOf(first)]).toEqual([first, before, before]);
    const second = `${link}.restored-2026-03-01T12-00-00-000Z`;
    await restoreRepository({ ...options, discard: true, now: () => new Date(0) });
    expect(await treeOf(link)).toEqual(before);
    await expect(treeOf(second)).rejects.toThrow('ENOENT');
  });

  it.each(['folder', 'link'])(
    'of a %s puts the old one back when the new one cannot take its place',
    async (kind) => {
      const { folder, repository, archive } = await backedUp();
      if (kind === 'link') {
        await rename(repository, join(folder, 'first'));
        await symlink('first', repository);
      }
      const held = await readdir(folder);
      const before = await treeOf(repository);
      const disk: Disk = {
        ...systemDisk,
        rename: (from, to) =>
          (kind === 'folder' ? from.includes('.restoring-') : from.endsWith('.link'))
            ? Promise.reject(new Error('EIO: disk error'))
            : rename(from, to),
      };
      const restoring = restoreRepository({
        archive,
        repository,
        force: true,
        discard: false,
        now: NOW,
        disk,
      });
      expect(await problemsOf(restoring)).toEqual([`${repository} cannot be restored: EIO: disk error`]);
      expect(await treeOf(repository)).toEqual(before);
      expect(await readdir(folder)).toEqual(held);
    },
  );
});

/** A disk that does so many steps, and then, as after a crash, none at all. */
function crashingAfter(steps: number): Disk {
  let left = steps;
  const step =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (left-- <= 0) throw new Error('the machine went down');
      return run(...args);
    };
  return {
    makeTemporaryFolder: step(systemDisk.makeTemporaryFolder),
    makeFolder: step(systemDisk.makeFolder),
    writeFile: step(systemDisk.writeFile),
    syncFolder: step(systemDisk.syncFolder),
    rename: step(systemDisk.rename),
    link: step(systemDisk.link),
    remove: step(systemDisk.remove),
  };
}

describe('an archive that is not whole or not honest', () => {
  /** An archive of the given entries, with an index that accounts for them. */
  async function archiveOf(entries: readonly TarEntry[], index: unknown): Promise<string> {
    const text = JSON.stringify(index);
    const first = {
      header: { name: 'index.json', size: Buffer.byteLength(text), type: 'file' as const },
      body: text,
    };
    const file = join(await temporaryFolder(), 'backup.tar.gz');
    await writeFile(file, gzipSync(await packTar([first, ...entries])));
    return file;
  }
  const indexOf = (path: string, content: string) => ({
    format: 1,
    toolVersion: '1',
    created: '2026-01-01T00:00:00Z',
    files: [{ path, size: content.length, sha256: createHash('sha256').update(content).digest('hex') }],
  });
  const entryOf = (path: string, body: string, header: Partial<TarEntry['header']> = {}): TarEntry => ({
    header: { name: `repository/${path}`, size: body.length, type: 'file', ...header },
    body,
  });

  it('is read when it is honest, however it was made', async () => {
    const archive = await archiveOf([entryOf('a/1/x', 'hello')], indexOf('a/1/x', 'hello'));
    expect((await checkBackup(archive)).files).toHaveLength(1);
  });

  it.each([
    ['leads out of the folder', '../../etc/passwd'],
    ['is absolute', '/etc/passwd'],
    ['has an empty part', 'a//b'],
    ['is hidden', 'a/.ssh/x'],
    ['is a Windows path', 'a\\..\\..\\b'],
    ['holds a NUL', 'a/b\u0000c'],
  ])('is refused for a path that %s', async (_what, path) => {
    const archive = await archiveOf([], indexOf(path, ''));
    expect(await problemsOf(checkBackup(archive))).toEqual([
      expect.stringContaining('files.0.path: expected a relative path of plain names'),
    ]);
  });

  it.each([
    [
      'another name',
      entryOf('../x', 'hello'),
      'holds the file "repository/../x", its index says the file repository/a/1/x',
    ],
    [
      'a link',
      entryOf('a/1/x', '', { type: 'symlink', linkname: '/etc/passwd' }),
      'holds the symlink "repository/a/1/x"',
    ],
    [
      'a hard link',
      entryOf('a/1/x', '', { type: 'link', linkname: '/etc/passwd' }),
      'holds the link "repository/a/1/x"',
    ],
    ['another size', entryOf('a/1/x', 'hello!'), 'a/1/x has 6 bytes, its index says 5'],
    [
      'another content',
      entryOf('a/1/x', 'hullo'),
      /a\/1\/x has sha256 [0-9a-f]{64}, its index says 2cf24dba/,
    ],
  ])('is refused for %s than its index says', async (_what, entry, problem) => {
    const archive = await archiveOf([entry], indexOf('a/1/x', 'hello'));
    const [found] = await problemsOf(checkBackup(archive));
    if (typeof problem === 'string') expect(found).toContain(problem);
    else expect(found).toMatch(problem);
    expect(found).toContain(archive);
  });

  it('is refused for a file too many, or too few', async () => {
    const [hello, more] = [entryOf('a/1/x', 'hello'), entryOf('a/1/y', 'more')];
    expect(await problemsOf(checkBackup(await archiveOf([hello, more], indexOf('a/1/x', 'hello'))))).toEqual([
      expect.stringContaining('holds the file "repository/a/1/y", its index says the end'),
    ]);
    expect(await problemsOf(checkBackup(await archiveOf([], indexOf('a/1/x', 'hello'))))).toEqual([
      expect.stringContaining('ends before a/1/x: 1 of 1 files are missing'),
    ]);
  });

  it('is refused when it unpacks to far more than its index accounts for', async () => {
    const bomb = Buffer.alloc(64 * 1024 * 1024);
    const honest = gunzipSync(
      await readFile(await archiveOf([entryOf('a/1/x', 'hello')], indexOf('a/1/x', 'hello'))),
    );
    const archive = join(await temporaryFolder(), 'bomb.tar.gz');
    await writeFile(archive, gzipSync(Buffer.concat([honest.subarray(0, honest.length - 1024), bomb])));
    const [problem] = await problemsOf(checkBackup(archive));
    expect(problem).toMatch(/unpacks to more than \d+ bytes/);
  });

  it('is refused when it unpacks to more than the disk has room for', async () => {
    const index = indexOf('a/1/x', 'hello');
    const [file] = index.files;
    const huge = { ...index, files: [{ ...file, size: Number.MAX_SAFE_INTEGER }] };
    const archive = await archiveOf([entryOf('a/1/x', 'hello')], huge);
    const repository = join(await temporaryFolder(), 'models');
    const restoring = restoreRepository({ archive, repository, force: false, discard: false, now: NOW });
    expect(await problemsOf(restoring)).toEqual([
      expect.stringMatching(/unpacks to 9007199254740991 bytes.*free/),
    ]);
  });

  it('is refused for a newer format, and for something else altogether', async () => {
    expect(await problemsOf(checkBackup(await archiveOf([], { format: 2, surprise: true })))).toEqual([
      expect.stringMatching(/has format 2, this diegate reads formats up to 1/),
    ]);
    const other = join(await temporaryFolder(), 'other.tar.gz');
    await writeFile(other, gzipSync(await packTar([entryOf('x', 'y')])));
    expect(await problemsOf(checkBackup(other))).toEqual([
      expect.stringMatching(/it is not a backup of diegate/),
    ]);
    await writeFile(other, 'not even gzip');
    expect(await problemsOf(checkBackup(other))).toEqual([
      expect.stringMatching(/other\.tar\.gz cannot be read/),
    ]);
    expect(await problemsOf(checkBackup(`${other}.none`))).toEqual([expect.stringMatching(/ENOENT/)]);
  });

  it('is refused when it ends within a file, naming that file', async () => {
    const { folder, archive } = await backedUp();
    const tar = gunzipSync(await readFile(archive));
    const at = tar.indexOf('repository/sum/1/model.onnx', 0, 'latin1');
    const cut = join(folder, 'cut.tar.gz');
    // A header of 512 bytes, and 50 of the file.
    await writeFile(cut, gzipSync(tar.subarray(0, at + 562)));
    const [problem] = await problemsOf(checkBackup(cut));
    expect(problem).toContain(`${cut}: sum/1/model.onnx`);
  });

  it('is refused with one byte changed or the end cut off, and the repository stays as it was', async () => {
    const { folder, repository, archive } = await backedUp();
    const before = await treeOf(repository);
    const bytes = await readFile(archive);
    const damaged = join(folder, 'damaged.tar.gz');
    const damage = fc.oneof(
      fc.nat(bytes.length - 1).map((at) => bytes.subarray(0, at)),
      fc
        .tuple(fc.integer({ min: 10, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }))
        .map(([at, change]) => {
          const copy = Buffer.from(bytes);
          copy[at] = (copy[at] ?? 0) ^ change;
          return copy;
        }),
    );
    const tar = gunzipSync(bytes);
    // A few bits are padding: changed, they leave all that is packed as it was.
    const isHarmless = (content: Buffer) => {
      try {
        return gunzipSync(content).equals(tar);
      } catch {
        return false;
      }
    };
    await fc.assert(
      fc.asyncProperty(damage, async (content) => {
        fc.pre(!isHarmless(content));
        await writeFile(damaged, content);
        const options = { archive: damaged, repository, force: true, discard: true, now: NOW };
        const [problem] = await problemsOf(restoreRepository(options));
        expect(problem).toContain('damaged.tar.gz');
        expect(await treeOf(repository)).toEqual(before);
      }),
      { numRuns: 100 },
    );
    expect((await readdir(folder)).sort()).toEqual(['backup.tar.gz', 'damaged.tar.gz', 'models']);
  });
});

it('no path that is accepted leads out of a folder', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', '...', '~', 'C:'), fc.string({ maxLength: 4 }));
  const path = fc.array(part, { maxLength: 5 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(path, (text) => {
      if (!BackupPathSchema.safeParse(text).success) return;
      const joined = join('/repository', text);
      expect(joined.startsWith('/repository/')).toBe(true);
      expect(joined).toBe(`/repository/${text}`);
    }),
  );
});
