import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExpansionGuard, PackedDamage } from '../../src/unpack/packed-damage.js';
import { packingOf, type UnpackOptions, unpack } from '../../src/unpack/unpack.js';

const CONTENT = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i * 7919}`).join(' '));

/** What comes out of the bytes in chunks of a size, and what is said in the end. */
async function unpackAll(bytes: Uint8Array, chunk = 65_536, options: UnpackOptions = {}) {
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const out: Uint8Array[] = [];
  try {
    for await (const piece of unpack(chunks(), options)) out.push(Buffer.from(piece));
  } catch (error) {
    if (!(error instanceof PackedDamage)) throw error;
    return { content: Buffer.concat(out), said: error.kind };
  }
  return { content: Buffer.concat(out), said: undefined };
}

describe('gzip', () => {
  const packed = gzipSync(CONTENT);

  it('is whole whatever zeros are behind it, between members and before more of them, however it is cut', async () => {
    const zeros = fc.constantFrom(0, 1, 2, 511, 8192, 100_000).map((size) => Buffer.alloc(size));
    await fc.assert(
      fc.asyncProperty(
        fc.array(zeros, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 20_000 }),
        async (paddings, chunk) => {
          const file = Buffer.concat(paddings.flatMap((padding) => [packed, padding]));
          const { content, said } = await unpackAll(file, Math.max(chunk, file.length / 500));
          expect(said).toBeUndefined();
          expect(content.equals(Buffer.concat(paddings.map(() => CONTENT)))).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('that is cut anywhere is said to be, after what could be unpacked', async () => {
    for (const size of [10, 100, packed.length / 2, packed.length - 1].map(Math.floor)) {
      const { content, said } = await unpackAll(packed.subarray(0, size));
      expect(said).toBe('truncated');
      expect(CONTENT.subarray(0, content.length).equals(content)).toBe(true);
    }
  });

  it('followed by other bytes than zeros is said to be corrupt', async () => {
    expect((await unpackAll(Buffer.concat([packed, Buffer.alloc(20_000), Buffer.from('x')]))).said).toBe(
      'corrupt',
    );
    expect((await unpackAll(Buffer.concat([packed, Buffer.from('other')]))).said).toBe('corrupt');
  });
});

const TOOLS = [
  { packing: 'bzip2', command: 'bzip2' },
  { packing: 'xz', command: 'xz' },
  { packing: 'zstd', command: 'zstd' },
  { packing: 'zip', command: 'zip' },
] as const;

function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`]);
    return true;
  } catch {
    return false;
  }
}

describe.each(TOOLS.filter(({ command }) => has(command)))('$packing', ({ packing, command }) => {
  let folder = '';
  let packed: Buffer = Buffer.alloc(0);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'unpack-'));
    writeFileSync(join(folder, 'a'), CONTENT);
    writeFileSync(join(folder, 'b'), 'second');
    packed =
      command === 'zip'
        ? execFileSync('sh', ['-c', 'zip -q x.zip a b && cat x.zip'], { cwd: folder })
        : execFileSync(command, ['-c', join(folder, 'a')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is told by its first bytes and unpacked, however it is cut', async () => {
    expect(packingOf(packed)).toBe(packing);
    for (const chunk of [1009, 65_536]) {
      const { content, said } = await unpackAll(packed, chunk, { wanted: (head) => head[0] === CONTENT[0] });
      expect(said).toBeUndefined();
      expect(content.equals(CONTENT)).toBe(true);
    }
  });

  it('that is cut is said to be; nothing comes that was not in it', async () => {
    const { content, said } = await unpackAll(packed.subarray(0, packed.length / 2));
    expect(said).toBe('truncated');
    expect(CONTENT.subarray(0, content.length).equals(content)).toBe(true);
  });

  it('with a changed byte never passes for whole with other content', async () => {
    for (let at = 20; at < packed.length; at += Math.ceil(packed.length / 25)) {
      const changed = Buffer.from(packed);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      const { content, said } = await unpackAll(changed, 65_536, {
        wanted: (head) => head[0] === CONTENT[0],
      });
      if (said === undefined) expect(content.equals(CONTENT), `byte ${at}`).toBe(true);
    }
  });
});

describe('a zip archive', () => {
  it.skipIf(!has('zip'))('without a file of the kind asked for names those that it has', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unpack-'));
    writeFileSync(join(folder, 'readme.txt'), 'no lot');
    execFileSync('zip', ['-q', 'x.zip', 'readme.txt'], { cwd: folder });
    const archive = readFileSync(join(folder, 'x.zip'));
    rmSync(folder, { recursive: true });
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      yield archive;
    }
    await expect(unpack(source(), { wanted: () => false }).next()).rejects.toThrow(
      /none of its 1 files .*readme.txt/,
    );
  });
});

describe('a file that unpacks to far more than any lot', () => {
  it('is left where it does, and what packs 37 to 1 is not', () => {
    const guard = createExpansionGuard();
    guard.packed(1_000_000);
    expect(() => guard.unpacked(37_000_000)).not.toThrow();
    expect(() => guard.unpacked(2_000_000_000)).toThrow(PackedDamage);
  });

  it.skipIf(!has('zstd'))('as a stream of zeros does: not all of it is unpacked', async () => {
    const bomb = execFileSync('sh', ['-c', 'head -c 1500000000 /dev/zero | zstd -c -q'], { maxBuffer: 1e8 });
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      yield bomb;
    }
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of unpack(source())) bytes += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({ kind: 'bomb' });
    expect(bytes).toBeLessThan(400e6);
  });
});
