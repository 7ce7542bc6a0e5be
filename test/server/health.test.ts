import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.js';
import { Fault } from '../../src/errors.js';
import { checkHealth, healthAddress } from '../../src/server/health.js';
import { sumVersion, writeRepository } from '../support/models.js';
import { linesOf, ServerProcess } from '../support/server-process.js';

/** Settings of a server that listens as this one does. */
async function settingsOf(server: Server): Promise<Record<string, string>> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') return expect.fail('no port');
  return { PORT: String(address.port) };
}

/** What the question finds wrong. */
async function problemsOf(asked: Promise<void>): Promise<readonly string[]> {
  const error = await asked.then(
    () => expect.fail('found healthy'),
    (reason: unknown) => reason,
  );
  return error instanceof Fault ? [error.code, ...error.problems] : expect.fail(String(error));
}

describe('where a server is asked for its health', () => {
  it('over the loopback if it listens on every address, else where it listens', () => {
    const at = (environment: Record<string, string>) => healthAddress(readConfig(environment));
    expect(at({ HOST: '0.0.0.0' })).toMatchObject({ host: '127.0.0.1', port: 8000, protocol: 'http:' });
    expect(at({ HOST: '::' })).toMatchObject({ host: '::1', port: 8000 });
    expect(at({ HOST: '10.1.2.3', PORT: '80' })).toMatchObject({ host: '10.1.2.3', port: 80 });
  });

  it('over TLS where that is served, and plainly on the port for probes where there is one', () => {
    const tls = { TLS_CERT_FILE: 'cert.pem', TLS_KEY_FILE: 'key.pem' };
    expect(healthAddress(readConfig(tls))).toMatchObject({ protocol: 'https:', rejectUnauthorized: false });
    const mutual = { ...tls, TLS_CLIENT_CA_FILE: 'ca.pem' };
    expect(healthAddress(readConfig({ ...mutual, PROBE_PORT: '9000' }))).toMatchObject({
      protocol: 'http:',
      port: 9000,
    });
    expect(() => healthAddress(readConfig(mutual))).toThrow('set PROBE_PORT for probes');
  });

  it('nowhere when it took a free port', async () => {
    expect(await problemsOf(checkHealth({ PORT: '0' }))).toEqual([
      'unhealthy',
      'PORT: expected the port that the server listens on, found 0',
    ]);
  });
});

describe('a server is', () => {
  it('healthy when it answers GET /health with 200', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('{}');
    });
    await checkHealth(await settingsOf(server));
    expect(asked).toEqual(['GET /health']);
  });

  it('unhealthy with any other status', async () => {
    const settings = await settingsOf(createServer((_request, response) => response.writeHead(503).end()));
    expect(await problemsOf(checkHealth(settings))).toEqual([
      'unhealthy',
      `GET /health on 127.0.0.1 port ${settings.PORT}: expected 200, found 503`,
    ]);
  });

  it('unhealthy when nobody listens', async () => {
    const server = createTcpServer();
    const settings = await settingsOf(server);
    await new Promise((resolve) => server.close(resolve));
    const [code, problem] = await problemsOf(checkHealth(settings));
    expect(code).toBe('unhealthy');
    expect(problem).toContain('expected 200, found no answer: connect ECONNREFUSED');
  });

  it('unhealthy when it takes the connection and never answers', async () => {
    const settings = await settingsOf(createTcpServer((socket) => void socket.on('error', () => {})));
    const [, problem] = await problemsOf(checkHealth(settings, 20));
    expect(problem).toContain('found no answer: nothing came within 20 ms');
  });

  it('unhealthy when what it sends never becomes an answer', async () => {
    const dripping = createTcpServer((socket) => {
      const timer = setInterval(() => socket.write(' '), 5);
      socket.on('error', () => {}).on('close', () => clearInterval(timer));
    });
    const [code] = await problemsOf(checkHealth(await settingsOf(dripping), 50));
    expect(code).toBe('unhealthy');
  });
});

describe('diegate health', () => {
  it('ends with 0 while the server with the same settings lives, and with 1 and one line afterwards', async () => {
    const server = new ServerProcess({ MODEL_REPOSITORY: await writeRepository([sumVersion(4)]) });
    const { port: PORT } = new URL(await server.url());
    const alive = await new ServerProcess({ PORT }, { args: ['health'] }).ended;
    expect(alive).toEqual({ code: 0, stdout: '', stderr: '' });
    server.child.kill('SIGTERM');
    await server.ended;
    const gone = await new ServerProcess({ PORT }, { args: ['health'] }).ended;
    expect(gone.code).toBe(1);
    expect(linesOf(gone.stderr)).toEqual([
      `diegate: GET /health on 127.0.0.1 port ${PORT}: expected 200, found no answer: connect ECONNREFUSED 127.0.0.1:${PORT}`,
    ]);
  });
});
