import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRecords } from '../../src/records/read-records.js';
import { verifyLog } from '../../src/records/verify.js';

/**
 * node dist/.bench/bench/records/crash.js [--times 100] [--ack durable]: kills the server with SIGKILL at random moments under load,
 * starts it again in the same folder, and holds the log against what callers were answered. Exits with 1 where the chain does not
 * verify, a die was recorded twice, or, with durable, an answered die is missing.
 */
const { values } = parseArgs({
  options: { times: { type: 'string', default: '100' }, ack: { type: 'string', default: 'durable' } },
});
const times = Number(values.times);
const CONNECTIONS = 16;
const PARAMETERS = 512;
const root = mkdtempSync(join(tmpdir(), 'diegate-crash-'));
const folder = join(root, 'records');
const keyFile = join(root, 'key.pem');
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
const say = (line: string) => process.stdout.write(`${line}\n`);
const main = new URL('../../../main.js', import.meta.url).pathname;
const measurement = `[${Array<string>(PARAMETERS).fill('0.4').join(',')}]`;

interface RunningServer {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(): Promise<RunningServer> {
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: '0',
      INFERENCE_WORKERS: '1',
      LOG_LEVEL: 'warn',
      RECORDS_DIR: folder,
      RECORDS_KEY_FILE: keyFile,
      RECORDS_ACK: values.ack,
      // So that segments are sealed while it is killed, too.
      RECORDS_SEGMENT_MB: '1',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  for (;;) {
    const port = / is ready on http:\/\/\S+?:(\d+)/.exec(said)?.[1];
    if (port !== undefined) return { child, port: Number(port) };
    if (child.exitCode !== null) throw new Error(`the server did not start:\n${said}`);
    await Promise.race([once(child, 'exit'), child.stderr === null ? undefined : once(child.stderr, 'data')]);
  }
}

const answered = new Set<string>();
let sent = 0;

/** Sends one die after another until the server is gone. */
async function caller(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) {
    const dieId = `die-${sent++}`;
    try {
      if (await isAnswered(agent, port, dieId)) answered.add(dieId);
    } catch {
      agent.destroy();
      return;
    }
  }
}

function isAnswered(agent: Agent, port: number, dieId: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/predict',
        headers: { 'content-type': 'application/json' },
      },
      (answer) => {
        answer.on('error', reject).on('close', () => {
          if (answer.complete) resolve(answer.statusCode === 200);
          else reject(new Error('broken off'));
        });
        answer.resume();
      },
    );
    asked.on('error', reject);
    asked.end(`{"die_id":"${dieId}","test_params":${measurement}}`);
  });
}

for (let i = 0; i < times; i++) {
  const { child, port } = await start();
  const callers = Array.from({ length: CONNECTIONS }, () => caller(port));
  await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 600));
  child.kill('SIGKILL');
  await Promise.all([once(child, 'exit'), ...callers]);
  if ((i + 1) % 10 === 0) say(`${i + 1} kills, ${sent} dies sent, ${answered.size} answered`);
}
// Seals what is left, and ends as a server does.
const last = await start();
await new Promise((resolve) => setTimeout(resolve, 20_000));
last.child.kill('SIGTERM');
await once(last.child, 'exit');

const { problems, records, segments, notes } = await verifyLog(folder, { keys: [publicKey] });
const seen = new Map<string, number>();
for await (const some of readRecords(folder))
  for (const { record } of some)
    if (record.kind === 'prediction' && record.dieId !== undefined)
      seen.set(record.dieId, (seen.get(record.dieId) ?? 0) + 1);
const twice = [...seen].filter(([, count]) => count > 1);
const missing = [...answered].filter((dieId) => !seen.has(dieId));
for (const line of [...problems, ...notes]) say(line);
say(
  `${times} kills, ${answered.size} dies answered, ${records} records in ${segments} segments: ${problems.length} problems, ${twice.length} dies twice, ${missing.length} answered dies missing`,
);
const isGood =
  problems.length === 0 && twice.length === 0 && (missing.length === 0 || values.ack !== 'durable');
if (isGood) rmSync(root, { recursive: true });
else say(`kept: ${root}`);
process.exit(isGood ? 0 : 1);
