import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../errors.js';
import type { Clock } from '../serving/clock.js';

const HolderSchema = z.object({
  host: z.string(),
  pid: z.int(),
  /** When the process started, as its system says: a number that came back is another process. */
  started: z.string(),
  id: z.string(),
});
type LockHolder = z.infer<typeof HolderSchema>;

/** A folder that is this process's own until it is released. */
export interface FolderLock {
  release(): void;
}

// Of a process on another machine nobody can say whether it lives, but for this sign that it gives.
const SIGN_EVERY_MS = 5_000;
const SILENT_AFTER_MS = 20_000;

/**
 * Takes a folder of records for this process: two that wrote into one would make a log that neither has written.
 * @throws Fault `invalid_config` that names who has it
 */
export async function lockFolder(folder: string, clock: Pick<Clock, 'after'>): Promise<FolderLock> {
  const file = join(folder, 'records.lock');
  const own: LockHolder = {
    host: hostname(),
    pid: process.pid,
    started: startOf(process.pid) ?? '',
    id: randomUUID(),
  };
  const temporary = `${file}.${own.id}`;
  await writeFile(temporary, JSON.stringify(own), { mode: 0o640 });
  try {
    for (let attempt = 0; !(await isTaken(temporary, file)); attempt++) {
      const found = await holderOf(file);
      if (found !== undefined && (attempt > 2 || (await isAlive(file, found))))
        throw new Fault('invalid_config', [
          `RECORDS_DIR: ${folder} is in use by process ${found.pid} on ${found.host}, expected a folder of its own for each server`,
        ]);
      // Whoever was faster has put its own in place of the one that was found: then that one is looked at.
      await rename(file, `${temporary}.left`).catch(() => {});
      const moved = await holderOf(`${temporary}.left`);
      if (moved !== undefined && found !== undefined && moved.id !== found.id)
        await link(`${temporary}.left`, file).catch(() => {});
      await rm(`${temporary}.left`, { force: true });
    }
  } finally {
    await rm(temporary, { force: true });
  }
  let isReleased = false;
  const sign = () => {
    clock.after(SIGN_EVERY_MS, () => {
      if (isReleased) return;
      const now = new Date();
      // Where the disk refuses, who writes finds out.
      utimes(file, now, now).catch(() => {});
      sign();
    });
  };
  sign();
  return {
    release() {
      isReleased = true;
      try {
        if (HolderSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).id === own.id) rmSync(file);
      } catch {
        // It is gone, or another's: nothing to release.
      }
    },
  };
}

async function isTaken(temporary: string, file: string): Promise<boolean> {
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(file: string): Promise<LockHolder | undefined> {
  try {
    return HolderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

async function isAlive(file: string, { host, pid, started }: LockHolder): Promise<boolean> {
  if (host === hostname()) return startOf(pid) === started;
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
  return Math.abs(Date.now() - mtimeMs) < SILENT_AFTER_MS;
}

/** When a process of this machine started; undefined where there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may hold spaces; what follows it is fields 3 on, of which 22 is the start.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    try {
      process.kill(pid, 0);
      return 'running';
    } catch (error) {
      const isOthers = error instanceof Error && 'code' in error && error.code === 'EPERM';
      return isOthers ? 'running' : undefined;
    }
  }
}
