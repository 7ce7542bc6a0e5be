import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LogStream } from '../../src/monitoring/log-stream.js';
import { post, send } from '../support/http.js';
import { MAIN } from '../support/server-process.js';

/** A log that cannot be read says no port. */
const PORT = 18_000 + (process.pid % 1000);
const POLL = { timeout: 30_000, interval: 50 };

const folder = mkdtempSync(join(tmpdir(), 'diegate-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a log that can never stop the server', () => {
  it('writes every line once, in order, whether it is drained or finished', async () => {
    const file = join(folder, 'log');
    const fd = openSync(file, 'w');
    const log = new LogStream({ fd, maxBacklogBytes: 1_000_000 });
    const lines = Array.from({ length: 1000 }, (_, i) => `line ${i}\n`);
    for (const line of lines.slice(0, 600)) log.write(line);
    await log.drained(10_000);
    for (const line of lines.slice(600)) log.write(line);
    await log.drained(10_000);
    log.finish(0);
    closeSync(fd);
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''));
  });

  it('drops what a full disk refuses, and what a stalled reader leaves beyond the bound', async () => {
    const full = openSync('/dev/full', 'w');
    const log = new LogStream({ fd: full, maxBacklogBytes: 100 });
    for (let i = 0; i < 1000; i++) log.write('a line that nobody keeps\n');
    await log.drained(10_000);
    log.finish(0);
    closeSync(full);
  });

  it('lets the server end when its log cannot be written', async () => {
    const server = spawn(process.execPath, [MAIN], {
      env: { ...process.env, PORT: '0', HOST: '127.0.0.1' },
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    const greeted = new Promise<void>((resolve) => server.stderr?.once('data', () => resolve()));
    const exited = new Promise<number | null>((resolve) => server.once('exit', resolve));
    await greeted;
    server.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it.each(['a pipe of its own', 'a pipe that stderr shares', 'a socket'])(
    'serves on and ends when the reader of %s is stuck',
    { timeout: 60_000 },
    async (kind) => {
      const fifo = join(folder, `fifo of ${kind}`);
      execFileSync('mkfifo', [fifo]);
      // Opened for reading as well, which nobody does.
      const pipe = openSync(fifo, 'r+');
      const stdout = kind === 'a socket' ? 'pipe' : pipe;
      const server = spawn(process.execPath, [MAIN], {
        env: { ...process.env, PORT: String(PORT), HOST: '127.0.0.1', INFERENCE_WORKERS: '1' },
        stdio: ['ignore', stdout, kind === 'a pipe that stderr shares' ? pipe : 'ignore'],
      });
      closeSync(pipe);
      server.stdout?.pause();
      const exited = new Promise<number | null>((resolve) => server.once('exit', resolve));
      const url = `http://127.0.0.1:${PORT}`;
      await expect.poll(() => send(`${url}/ready`).then(({ status }) => status, String), POLL).toBe(200);
      // Refusals are longer lines than predictions: more than a pipe or a socket holds.
      const path = `/models/${'no-such-model'.repeat(15)}/predict`;
      for (let i = 0; i < 800; i++) await post(url + path, '{}');
      expect((await send(`${url}/health`)).status).toBe(200);
      server.kill('SIGTERM');
      expect(await exited).toBe(0);
    },
  );

  it('ends a command quietly when nobody reads on', () => {
    const help = execFileSync('sh', ['-c', `${process.execPath} ${MAIN} --help | head -n 1`], {
      encoding: 'utf8',
    });
    expect(help).toMatch(/^Usage: diegate/);
  });
});
