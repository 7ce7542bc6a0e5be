import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { dieOf } from '../support/dies.js';
import { post, send } from '../support/http.js';
import { sumVersion, temporaryFolder, writeRepository } from '../support/models.js';
import { MAIN, ServerProcess } from '../support/server-process.js';

const SYSCALLS = [
  ...['connect', 'sendto', 'sendmsg', 'sendmmsg'],
  ...['open', 'openat', 'openat2', 'creat', 'mkdir', 'mkdirat', 'mknod', 'mknodat', 'symlink', 'symlinkat'],
  ...['link', 'linkat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'truncate', 'rmdir'],
];
// Not every machine has every call: a question mark lets strace pass over those it does not know.
const STRACE = [
  'strace',
  '-f',
  '-qq',
  '-s',
  '200',
  '-e',
  `trace=${SYSCALLS.map((name) => `?${name}`).join(',')}`,
];

const canTrace = runs('strace', ['-qq', '-o', '/dev/null', 'true']);
const canUnshare = runs('unshare', ['-rn', 'true']);
if (!canTrace) process.stdout.write('skipped: strace is not installed or not permitted here\n');
if (!canUnshare) process.stdout.write('skipped: network namespaces are not permitted here\n');

function runs(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What system calls did outside of the process that they should not have: lines of the trace. */
function offences(trace: string, allowedToWrite: readonly string[]): string[] {
  return wholeCalls(trace).filter((call) => isOutbound(call) || isWrite(call, allowedToWrite));
}

/** Calls of a trace, those that strace had to write in two parts joined. */
function wholeCalls(trace: string): string[] {
  const begun = new Map<string, string>();
  return trace.split('\n').flatMap((line) => {
    const [, pid = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*)<unfinished \.\.\.>$/.exec(call)?.[1];
    if (unfinished !== undefined) {
      begun.set(pid, unfinished);
      return [];
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1];
    return rest === undefined ? [call] : [`${begun.get(pid) ?? ''}${rest}`];
  });
}

/** A call that names an address which is not of this machine. */
function isOutbound(call: string): boolean {
  if (!/^(connect|send\w+)\(/.test(call)) return false;
  const family = /sa_family=(\w+)/.exec(call)?.[1];
  if (family === undefined || family === 'AF_UNIX') return false;
  return !/inet_addr\("127\.|"::1"|"::ffff:127\./.test(call);
}

/** A call that makes or changes a file, and succeeds. */
function isWrite(call: string, allowed: readonly string[]): boolean {
  if (/ = -1 E\w+/.test(call) || /^(connect|send\w+)\(/.test(call)) return false;
  const opens = /^open(at2?)?\(/.test(call);
  if (opens && !/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(call)) return false;
  const path = /"([^"]*)"/.exec(call)?.[1];
  return path !== undefined && !['/dev/', '/proc/', ...allowed].some((start) => path.startsWith(start));
}

async function surroundings() {
  const HOME = await temporaryFolder();
  const trace = join(await temporaryFolder(), 'trace');
  return { HOME, trace, MODEL_REPOSITORY: await writeRepository([sumVersion(512)]) };
}

describe('the judge of traces', () => {
  test('sees what it is there to see', () => {
    const bad = [
      '1 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = -1 EINPROGRESS (x)',
      '1 sendto(3, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(1), inet_pton(AF_INET6, "2001:db8::1", &a)}, 28) = 1',
      '1 openat(AT_FDCWD, "/home/x/.cache/id", O_WRONLY|O_CREAT, 0666) = 7',
      '1 mkdir("/home/x/.cache", 0777) = 0',
    ];
    const fine = [
      '1 connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0',
      '1 connect(3, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
      '1 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 7',
      '1 openat(AT_FDCWD, "/home/x", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
      '1 openat(AT_FDCWD, "/dev/null", O_RDWR) = 7',
      '1 sendto(3, "x", 1, 0, NULL, 0) = 1',
    ];
    expect(offences([...bad, ...fine].join('\n'), [])).toHaveLength(bad.length);
    const split = '1 mkdir("/a" <unfinished ...>\n2 mkdir("/b", 0777) = 0\n1 <... mkdir resumed>, 0777) = 0';
    expect(offences(split, ['/b'])).toHaveLength(1);
  });
});

describe.runIf(canTrace)('by its system calls', { timeout: 120_000 }, () => {
  test('the server connects to nothing and writes no file, from its start through predictions to its end', async () => {
    const { trace, ...environment } = await surroundings();
    const server = new ServerProcess(
      { ...environment, ORT_DISABLE_TELEMETRY: '0' },
      { wrapper: [...STRACE, '-o', trace] },
    );
    const url = await server.url();
    for (const path of ['/docs', '/openapi.json', '/metrics', '/models']) await send(url + path);
    expect((await post(`${url}/predict?explain=3`, JSON.stringify(dieOf()))).status).toBe(200);
    expect((await post(`${url}/predict/batch`, JSON.stringify([dieOf(), dieOf()]))).status).toBe(200);
    expect((await post(`${url}/predict`, '{')).status).toBe(400);
    // strace itself lets SIGTERM pass to what it traces only if that is sent to it; the log names no pid.
    process.kill(serverPid(server.child.pid), 'SIGTERM');
    expect((await server.ended).code).toBe(0);
    const calls = readFileSync(trace, 'utf8');
    expect(calls, 'ONNX Runtime was loaded in what was traced').toMatch(/libonnxruntime/);
    expect(offences(calls, [])).toEqual([]);
    expect(readdirSync(environment.HOME)).toEqual([]);
  });

  test('training connects to nothing and writes nothing but its version', async () => {
    const { HOME, trace } = await surroundings();
    const folder = await temporaryFolder();
    const lot = join(folder, 'lot.csv');
    const rows = Array.from({ length: 200 }, (_, row) =>
      [0, 1, 2, 3].map((p) => Math.sin(row * 7.3 + p * row) + (p % 2 === 0 ? Math.cos(row) : 0)).join(','),
    );
    execFileSync('sh', ['-c', 'cat > "$0"', lot], { input: ['a,b,c,d', ...rows].join('\n') });
    const [strace = '', ...args] = STRACE;
    const out = join(folder, 'models/screen/1');
    const env = { PATH: process.env.PATH, HOME, ORT_DISABLE_TELEMETRY: '0' };
    execFileSync(strace, [...args, '-o', trace, process.execPath, MAIN, 'train', lot, '--out', out], { env });
    const calls = readFileSync(trace, 'utf8');
    expect(offences(calls, [folder])).toEqual([]);
    expect(readdirSync(HOME)).toEqual([]);
    expect(readdirSync(out).sort()).toEqual([
      'MODEL_CARD.md',
      'manifest.json',
      'model.onnx',
      'reference.json',
    ]);
  });

  test.each([['--help'], ['--version']])(
    'diegate %s connects to nothing and writes nothing',
    async (flag) => {
      const { HOME, trace } = await surroundings();
      const [strace = '', ...args] = STRACE;
      execFileSync(strace, [...args, '-o', trace, process.execPath, MAIN, flag], {
        env: { PATH: process.env.PATH, HOME },
      });
      expect(offences(readFileSync(trace, 'utf8'), [])).toEqual([]);
      expect(readdirSync(HOME)).toEqual([]);
    },
  );
});

test.runIf(canUnshare)('the server becomes ready where there is no network at all', async () => {
  const { trace: _, ...environment } = await surroundings();
  const server = new ServerProcess(environment, { wrapper: ['unshare', '-rn', '--'] });
  await server.url();
  server.child.kill('SIGTERM');
  const { code, stdout } = await server.ended;
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/"level":"(warn|error|fatal)"/);
});

test.runIf(process.platform === 'linux')(
  'a worker has telemetry switched off whatever the environment of the server says',
  async () => {
    for (const given of [{}, { ORT_DISABLE_TELEMETRY: '0' }, { ORT_DISABLE_TELEMETRY: '' }]) {
      const { trace: _, ...environment } = await surroundings();
      const server = new ServerProcess({ ...environment, ...given });
      await server.url();
      const { worker_pid } = z
        .looseObject({ worker_pid: z.int() })
        .parse(JSON.parse(await server.logs(/"worker started"/)));
      const variables = readFileSync(`/proc/${worker_pid}/environ`, 'utf8').split('\0');
      expect(variables.filter((variable) => variable.startsWith('ORT_DISABLE_TELEMETRY='))).toEqual([
        'ORT_DISABLE_TELEMETRY=1',
      ]);
      server.child.kill('SIGKILL');
    }
  },
);

/** The process that strace has started. */
function serverPid(stracePid: number | undefined): number {
  const children = readFileSync(`/proc/${stracePid}/task/${stracePid}/children`, 'utf8').trim();
  return z.coerce.number().int().positive().parse(children.split(' ')[0]);
}
