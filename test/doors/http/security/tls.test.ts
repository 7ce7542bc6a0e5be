import { once } from 'node:events';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { HAS_OPENSSL, makeCertificate, type TestCertificate } from '../../../support/certificates.js';
import { dieOf } from '../../../support/dies.js';
import { expectProblem, type RawAnswer, send } from '../../../support/http.js';
import { sumVersion, temporaryFolder } from '../../../support/models.js';
import { ServerProcess } from '../../../support/server-process.js';
import { type StartedApp, startApp } from '../../../support/start-app.js';

/** A request over TLS, on a connection of its own unless an agent is given. */
async function request(
  { port }: StartedApp,
  options: https.RequestOptions,
  body?: string,
): Promise<RawAnswer> {
  const sent = https.request({ host: '127.0.0.1', port, agent: false, ...options });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += z.string().parse(part);
  const headers = new Headers(
    Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { status: z.number().parse(response.statusCode), headers, body: text };
}

function postDie(app: StartedApp, options: https.RequestOptions): Promise<RawAnswer> {
  const headers = { 'content-type': 'application/json' };
  return request(
    app,
    { method: 'POST', path: '/predict', headers, ...options },
    JSON.stringify(dieOf({}, 4)),
  );
}

/** The certificate that a server shows to a new connection. */
async function shownBy({ port }: StartedApp, options: tls.ConnectionOptions): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, ...options });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

function startWith(certificate: TestCertificate, environment: Record<string, string> = {}) {
  return startApp({
    versions: [sumVersion(4)],
    environment: { TLS_CERT_FILE: certificate.certFile, TLS_KEY_FILE: certificate.keyFile, ...environment },
  });
}

describe.skipIf(!HAS_OPENSSL)('TLS (needs openssl)', () => {
  test('dies are answered over TLS 1.3 and 1.2, nothing older, and nothing without TLS', async () => {
    const authority = await makeCertificate('server');
    const app = await startWith(authority);
    const ca = authority.cert;
    expect((await postDie(app, { ca })).status).toBe(200);
    expect((await postDie(app, { ca, maxVersion: 'TLSv1.2' })).status).toBe(200);
    const old = { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(postDie(app, old)).rejects.toThrow(/protocol/);
    await expect(send(`http://127.0.0.1:${app.port}/health`)).rejects.toThrow('fetch failed');
    expect((await postDie(app, { ca })).status, 'it goes on').toBe(200);
    expect(app.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('a connection that never shakes hands does not hold up the end', async () => {
    const app = await startWith(await makeCertificate('server'));
    const silent = net.connect(app.port, '127.0.0.1');
    await once(silent, 'connect');
    const closed = once(silent, 'close');
    silent.on('error', () => {});
    await app.app.close();
    await closed;
  });

  test('an idle connection is closed at the end, and one in use gets its answer', async () => {
    const authority = await makeCertificate('server');
    const app = await startWith(authority);
    const agent = new https.Agent({ keepAlive: true, ca: authority.cert });
    expect((await postDie(app, { agent })).status).toBe(200);
    await app.app.close();
    agent.destroy();
  });

  test('new files are taken without a restart, open connections go on; bad ones change nothing', async () => {
    const [first, second] = [await makeCertificate('first'), await makeCertificate('second')];
    const folder = await temporaryFolder();
    const files = { certFile: join(folder, 'cert'), keyFile: join(folder, 'key') };
    await copyFile(first.certFile, files.certFile);
    await copyFile(first.keyFile, files.keyFile);
    const app = await startWith({ ...first, ...files }, { RELOAD_INTERVAL_MS: '100' });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: first.cert });
    expect((await postDie(app, { agent })).status).toBe(200);
    expect(await shownBy(app, { ca: first.cert })).toBe('first');

    // A certificate that is not the key's, as it is for a moment when files are copied one by one.
    await copyFile(second.certFile, files.certFile);
    const refused = await app.log.line(({ msg }) => msg.startsWith('cannot be reloaded'));
    expect(JSON.stringify(refused)).toContain('TLS_KEY_FILE');
    expect(JSON.stringify(refused)).not.toContain('PRIVATE');
    expect(await shownBy(app, { ca: first.cert })).toBe('first');

    await copyFile(second.keyFile, files.keyFile);
    await app.log.line(({ msg }) => msg === 'reloaded');
    expect(await shownBy(app, { ca: second.cert })).toBe('second');
    expect((await postDie(app, { agent })).status, 'the open connection').toBe(200);
    agent.destroy();
  });

  test('with TLS_CLIENT_CA_FILE only clients with a certificate of it are served, and named in the log', async () => {
    const [server, authority, stranger] = await Promise.all(
      ['server', 'floor', 'other'].map((n) => makeCertificate(n)),
    );
    if (!server || !authority || !stranger) throw new Error('three certificates were asked for');
    const client = await makeCertificate('tester-7\u001b[31m', authority);
    const app = await startWith(server, { TLS_CLIENT_CA_FILE: authority.certFile });
    const ca = server.cert;
    expect((await postDie(app, { ca, cert: client.cert, key: client.key })).status).toBe(200);
    expect(await app.log.line(({ msg }) => msg === 'prediction')).toMatchObject({
      key_id: 'cert:tester-7__31m',
    });
    await expect(postDie(app, { ca })).rejects.toThrow();
    await expect(postDie(app, { ca, cert: stranger.cert, key: stranger.key })).rejects.toThrow();
  });

  test('PROBE_PORT serves the probes to those without a certificate, and no die', async () => {
    const [server, authority] = [await makeCertificate('server'), await makeCertificate('floor')];
    const app = await startWith(server, { TLS_CLIENT_CA_FILE: authority.certFile, PROBE_PORT: '0' });
    const address = z.object({ port: z.int() }).parse(app.app.probeServer?.server.address());
    const url = `http://127.0.0.1:${address.port}`;
    for (const path of ['/health', '/ready', '/metrics'])
      expect((await send(url + path)).status, path).toBe(200);
    for (const path of ['/', '/models', '/docs', '/openapi.json'])
      expectProblem(await send(url + path), 'not_found');
    expectProblem(await send(`${url}/predict`, { method: 'POST', body: '{}' }), 'not_found');
    app.app.drain();
    expect((await send(`${url}/ready`)).status).toBe(503);
  });

  test('the server says where it is with its scheme', async () => {
    const { certFile, keyFile } = await makeCertificate('server');
    const server = new ServerProcess({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
    expect(await server.logs(/Server listening/)).toContain('https://127.0.0.1:');
    expect(await server.url()).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });

  test('files that are wrong stop the start, with one line for each', async () => {
    const [one, other] = [await makeCertificate('one'), await makeCertificate('other')];
    await expect(startWith({ ...one, keyFile: other.keyFile })).rejects.toThrow(
      /TLS_KEY_FILE: .* is not the key of/,
    );
    const text = join(await temporaryFolder(), 'text');
    await writeFile(text, 'hello');
    await rename(text, `${text}.pem`);
    await expect(startWith({ ...one, certFile: `${text}.pem` })).rejects.toThrow(
      /does not begin with a certificate/,
    );
    await expect(startWith(one, { TLS_CLIENT_CA_FILE: '/nowhere/ca.pem' })).rejects.toThrow(/cannot be read/);
  });
});
