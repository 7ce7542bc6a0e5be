import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchJson, singleBinary, singleJson } from '../load/dies.js';
import { createRandom } from '../models/random.js';
import type { Figure } from '../scenarios/scenario.js';
import { freePort, SHIPPED } from '../servers/start.js';
import { isInstalled, untilTrue } from './processes.js';
import { temporaryFolder } from './repository.js';
import { never, type Survival, told } from './scenario.js';
import { isReady, type Server, startServer } from './server.js';
import { answered, newAccount, notOk, Tester, withTesters } from './tester.js';

const PROCESSES = 3;
const TESTERS = 32;
const CHECK_EVERY_MS = 200;
const CHECKS_UNTIL_DOWN = 2;
// Checks until down, one that has just gone by, and room for a busy machine.
const DELAY_MS = CHECK_EVERY_MS * (CHECKS_UNTIL_DOWN + 1) + 900;
const LOADS = [singleJson(), singleBinary(), singleJson(), batchJson(16)];

/**
 * haproxy tries again only what it could not connect for (`retries`, `redispatch`): nothing was sent then. A
 * request that was sent is never sent again (no `retry-on`).
 */
function configuration(frontPort: number, ports: readonly number[]): string {
  const servers = ports.map((port, i) => `  server diegate${i} 127.0.0.1:${port} check`);
  return `global
  maxconn 1000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 2s
  retries 3
  option redispatch
frontend testers
  bind 127.0.0.1:${frontPort}
  default_backend diegate
backend diegate
  balance roundrobin
  option httpchk GET /ready
  default-server inter ${CHECK_EVERY_MS}ms fall ${CHECKS_UNTIL_DOWN} rise 1
${servers.join('\n')}
`;
}

/** Starts haproxy in the foreground; the returned function ends it. */
async function startBalancer(port: number, ports: readonly number[]): Promise<() => Promise<void>> {
  const file = join(temporaryFolder(), 'haproxy.cfg');
  writeFileSync(file, configuration(port, ports));
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  if ((await untilTrue(() => isReady(`http://127.0.0.1:${port}`), 10_000)) === undefined)
    throw new Error('haproxy does not answer');
  return async () => {
    process.removeListener('exit', killAtExit);
    child.kill('SIGKILL');
    await ended;
  };
}

export const ROLLING: Survival = {
  name: 'rolling',
  question: `${PROCESSES} processes behind haproxy are restarted one after another under load: does a tester notice?`,
  lacks: () => (isInstalled('haproxy') ? undefined : 'haproxy is not installed (apt-get install haproxy)'),
  async run({ rollingRounds }): Promise<Figure[]> {
    const start = (port?: number): Promise<Server> =>
      startServer({
        repository: SHIPPED.repository,
        environment: { SHUTDOWN_DELAY_MS: String(DELAY_MS) },
        ...(port === undefined ? {} : { port }),
      });
    const servers: Server[] = [];
    for (let i = 0; i < PROCESSES; i++) servers.push(await start());
    const port = await freePort();
    const stopBalancer = await startBalancer(
      port,
      servers.map((server) => server.port),
    );
    const random = createRandom(3);
    const account = newAccount();
    const testers = Array.from(
      { length: TESTERS },
      (_, i) =>
        new Tester({
          port,
          load: LOADS[i % LOADS.length] ?? singleJson(),
          account,
          thinkMs: () => random() * 20,
          afterClose: 'reconnect',
        }),
    );
    let unclean = 0;
    await withTesters(testers, async () => {
      await sleep(500);
      for (let restart = 0; restart < rollingRounds * PROCESSES; restart++) {
        const old = servers[restart % PROCESSES];
        if ((await old?.stop())?.code !== 0) unclean++;
        servers[restart % PROCESSES] = await start(old?.port);
        // Until the balancer has seen it.
        await sleep(CHECK_EVERY_MS * 3);
      }
    });
    await stopBalancer();
    await Promise.all(servers.map((server) => server.stop()));
    return [
      told('restarts', rollingRounds * PROCESSES),
      told('requests answered', answered(account, 200)),
      never('answered with anything but 200', notOk(account)),
      never('requests lost', account.lost),
      never('exit codes other than 0', unclean),
      told('longest wait for an answer', account.longestMs, 'ms'),
    ];
  },
};
