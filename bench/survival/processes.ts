import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { family } from '../load/usage.js';

/** Whether a process of this id runs; one that has ended and waits for its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Process ids of a server's workers. */
export function workersOf(pid: number): number[] {
  return family(pid).slice(1);
}

/** Open file descriptors of a process, and how many of them are sockets. */
export function descriptorsOf(pid: number): { all: number; sockets: number } {
  const names = readdirSync(`/proc/${pid}/fd`);
  const isSocket = (name: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith('socket:');
    } catch {
      // Closed since the folder was read.
      return false;
    }
  };
  return { all: names.length, sockets: names.filter(isSocket).length };
}

/**
 * Waits until something is true.
 * @returns milliseconds that it took; undefined when it did not become true within `withinMs`
 */
export async function untilTrue(
  isTrue: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<number | undefined> {
  const startedMs = performance.now();
  while (performance.now() - startedMs < withinMs) {
    if (await isTrue()) return performance.now() - startedMs;
    await sleep(10);
  }
  return undefined;
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
