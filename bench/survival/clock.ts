import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { singleJson } from '../load/dies.js';
import type { Figure } from '../scenarios/scenario.js';
import { SHIPPED } from '../servers/start.js';
import { predictExample } from './calls.js';
import { temporaryFolder } from './repository.js';
import { holds, never, type Survival, told } from './scenario.js';
import { startServer } from './server.js';
import { answered, newAccount, notOk, Tester, withTesters } from './tester.js';

const DAY_SECONDS = 86_400;
const JUMPS = [DAY_SECONDS, -DAY_SECONDS, 0] as const;
// A deadline that no die misses, and that any jump would miss if it were counted by the wall clock.
const LOAD = singleJson();
const WITH_DEADLINE = { ...LOAD, headers: { ...LOAD.headers, 'x-deadline-ms': '5000' } };
const TIMESTAMP_OFF_BY_MS = 2000;

/** The library that pretends another time, where Debian puts it. */
function fakeTimeLibrary(): string | undefined {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'faketime'));
  return folders.map((folder) => join(folder, 'libfaketime.so.1')).find(existsSync);
}

/** The wall clock jumps by a day, forth and back, under load; the monotonic clock goes on as it does. */
export const CLOCK: Survival = {
  name: 'clock',
  question: 'The wall clock jumps by a day under load: does any die miss its deadline?',
  lacks: () =>
    fakeTimeLibrary() === undefined ? 'libfaketime is not installed (apt-get install faketime)' : undefined,
  async run({ faultSeconds }): Promise<Figure[]> {
    const offsetFile = join(temporaryFolder(), 'offset');
    const jump = (seconds: number) => writeFileSync(offsetFile, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    jump(0);
    const server = await startServer({
      repository: SHIPPED.repository,
      environment: {
        LD_PRELOAD: fakeTimeLibrary() ?? '',
        FAKETIME_TIMESTAMP_FILE: offsetFile,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    const account = newAccount();
    const tester = () =>
      new Tester({
        port: server.port,
        load: WITH_DEADLINE,
        account,
        thinkMs: () => 1,
        afterClose: 'reconnect',
      });
    const offByMs: number[] = [];
    await withTesters(Array.from({ length: 8 }, tester), async () => {
      for (const seconds of JUMPS) {
        jump(seconds);
        await sleep(faultSeconds * 500);
        const { timestamp } = await predictExample(server.url, SHIPPED.model);
        offByMs.push(Math.abs(Date.parse(timestamp) - Date.now() - seconds * 1000));
        await sleep(faultSeconds * 500);
      }
    });
    const { code } = await server.stop();
    return [
      told('jumps of the wall clock', JUMPS.length),
      told('dies answered', answered(account, 200)),
      never('answered 504', answered(account, 504)),
      never('lost, or answered with anything but 200', account.lost + notOk(account)),
      {
        name: 'timestamps of the answers off the wall clock by at most',
        value: Math.max(...offByMs),
        unit: 'ms',
        atMost: TIMESTAMP_OFF_BY_MS,
      },
      { name: 'longest wait for an answer', value: account.longestMs, unit: 'ms', atMost: 5000 },
      holds('ends with exit code 0', code === 0),
    ];
  },
};
