import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockFolder } from '../../src/records/lock.js';
import { FakeClock } from '../support/fake-clock.js';
import { temporaryFolder } from './writing.js';

const take = (folder: string) => lockFolder(folder, new FakeClock());
const holder = { host: hostname(), pid: process.pid, started: 'long ago', id: 'other' };
const leave = (folder: string, changes: object) =>
  writeFileSync(join(folder, 'records.lock'), JSON.stringify({ ...holder, ...changes }));

test('a folder is taken by one process at a time, and given back', async () => {
  const folder = temporaryFolder();
  const lock = await take(folder);
  await expect(take(folder)).rejects.toThrow(
    `is in use by process ${process.pid} on ${hostname()}, expected a folder of its own for each server`,
  );
  lock.release();
  (await take(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

test('one of two that come at once has it', async () => {
  const folder = temporaryFolder();
  const both = await Promise.allSettled([take(folder), take(folder)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a process that was killed does not keep it, also where another one has its number now', async () => {
  const folder = temporaryFolder();
  leave(folder, {});
  (await take(folder)).release();
  leave(folder, { pid: 2 ** 22 + 1 });
  (await take(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

test('a process of another machine keeps it while it gives signs of life', async () => {
  const folder = temporaryFolder();
  leave(folder, { host: 'elsewhere' });
  await expect(take(folder)).rejects.toThrow('on elsewhere');
  const past = new Date(Date.now() - 60_000);
  utimesSync(join(folder, 'records.lock'), past, past);
  (await take(folder)).release();
});

test('whoever has lost it does not give back what is another one’s', async () => {
  const folder = temporaryFolder();
  const lock = await take(folder);
  leave(folder, {});
  lock.release();
  expect(readFileSync(join(folder, 'records.lock'), 'utf8')).toContain('long ago');
});
