import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { call, predictExample } from './calls.js';
import { makeRepository, temporaryFolder, withKey, writeKeys } from './repository.js';
import { holds, never, type Survival, told } from './scenario.js';
import { type Server, startServer } from './server.js';
import { answered, newAccount, notOk, Tester, withTesters } from './tester.js';

const TESTERS = 16;

/** Load for some seconds. */
async function loaded(server: Server, seconds: number) {
  const account = newAccount();
  const tester = () =>
    new Tester({
      port: server.port,
      load: withKey(singleJson()),
      account,
      thinkMs: () => 0,
      afterClose: 'reconnect',
    });
  await withTesters(Array.from({ length: TESTERS }, tester), () => sleep(seconds * 1000));
  return account;
}

/** The log on a disk that is full: a small one that fills up under way, and one that is full from the start. */
async function logOn(logFile: string, what: string, seconds: number): Promise<Figure[]> {
  const server = await startServer({ repository: SHIPPED.repository, logFile });
  const account = await loaded(server, seconds);
  const { code } = await server.stop();
  return [
    told(`log on ${what}: dies answered`, answered(account, 200)),
    never(`log on ${what}: lost, or answered with anything but 200`, account.lost + notOk(account)),
    holds(`log on ${what}: ends with exit code 0`, code === 0),
  ];
}

/** A repository that cannot be written any more while the server runs on it. */
async function readOnly(root: string, remount: () => void, seconds: number): Promise<Figure[]> {
  const repository = makeRepository(root);
  const server = await startServer({ repository, environment: { API_KEYS_FILE: writeKeys() } });
  const serving = () => readFileSync(join(repository, 'serving.json'), 'utf8');
  const before = serving();
  remount();
  const account = await loaded(server, seconds);
  const promote = await call(`${server.url}/admin/models/${SHIPPED.model}/versions/2/promote`, 'POST');
  const after = await predictExample(server.url, SHIPPED.model);
  const { code } = await server.stop();
  return [
    told('read-only repository: dies answered', answered(account, 200)),
    never('read-only repository: lost, or answered with anything but 200', account.lost + notOk(account)),
    holds(
      'read-only repository: a promotion is refused with 503 state_not_saved',
      promote.status === 503 && promote.body.includes('state_not_saved'),
    ),
    holds(
      'read-only repository: the refused promotion changed neither the answers nor serving.json',
      after.model_version === '1' && serving() === before,
    ),
    holds('read-only repository: ends with exit code 0', code === 0),
  ];
}

/** Runs with a small file system of its own, which only root can mount. */
async function withDisk(size: string, act: (folder: string) => Promise<Figure[]>): Promise<Figure[]> {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  const unmount = () => execFileSync('umount', [folder]);
  process.once('exit', unmount);
  try {
    return await act(folder);
  } finally {
    process.removeListener('exit', unmount);
    unmount();
  }
}

export const DISK: Survival = {
  name: 'disk',
  question: 'A disk that is full or read-only: are dies still answered?',
  lacks: () => (process.getuid?.() === 0 ? undefined : 'only root can mount the small disks that it fills'),
  async run({ faultSeconds }) {
    return [
      ...(await logOn('/dev/full', '/dev/full', faultSeconds)),
      ...(await withDisk('64k', (disk) => logOn(join(disk, 'log'), 'a disk of 64 KB', faultSeconds))),
      ...(await withDisk('8m', (disk) =>
        readOnly(disk, () => execFileSync('mount', ['-o', 'remount,ro', disk]), faultSeconds),
      )),
    ];
  },
};
