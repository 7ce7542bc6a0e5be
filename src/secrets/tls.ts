import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Fault } from '../errors.js';

/** Paths of PEM files. */
interface TlsFiles {
  /** The server's certificate, and after it those between it and the root. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates clients must present; undefined asks for none. */
  readonly clientCa: string | undefined;
}

/** What a server shows and asks for. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  /** Until when the server's certificate is valid, ISO 8601. */
  readonly validTo: string;
}

/**
 * Reads and checks the files: that each is what it should be, and that key and certificate belong together.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const problems: string[] = [];
  const [cert, key, ca] = await Promise.all([
    textOf('TLS_CERT_FILE', files.cert, problems),
    textOf('TLS_KEY_FILE', files.key, problems),
    files.clientCa === undefined ? undefined : textOf('TLS_CLIENT_CA_FILE', files.clientCa, problems),
  ]);
  const certificate = certificateOf('TLS_CERT_FILE', files.cert, cert, problems);
  if (files.clientCa !== undefined) certificateOf('TLS_CLIENT_CA_FILE', files.clientCa, ca ?? '', problems);
  if (problems.length === 0) {
    try {
      createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) });
    } catch (error) {
      problems.push(
        `TLS_KEY_FILE: ${files.key} is not the key of TLS_CERT_FILE ${files.cert}: ${wordsOf(error)}`,
      );
    }
  }
  if (problems.length > 0 || certificate === undefined) throw new Fault('invalid_config', problems);
  const validTo = new Date(certificate.validTo).toISOString();
  return { cert, key, validTo, ...(ca === undefined ? {} : { ca }) };
}

async function textOf(setting: string, file: string, problems: string[]): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    problems.push(`${setting}: ${file} cannot be read: ${wordsOf(error)}`);
    return '';
  }
}

function certificateOf(
  setting: string,
  file: string,
  pem: string,
  problems: string[],
): X509Certificate | undefined {
  if (pem === '' && problems.some((problem) => problem.startsWith(setting))) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    problems.push(`${setting}: ${file} does not begin with a certificate, expected PEM`);
    return undefined;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `cert:` and the common name of the certificate that a client has presented; empty for none. */
export function certificateName(socket: Socket): string {
  return socket instanceof TLSSocket && socket.authorized ? nameOf(socket) : '';
}

function nameOf(socket: TLSSocket): string {
  const { subject, raw } = socket.getPeerCertificate();
  const { CN } = subject ?? {};
  const name = Array.isArray(CN) ? CN[0] : CN;
  // Plain characters of bounded number: a name is somebody else's text.
  if (name) return `cert:${name.replace(/[^\w.@:|/+=-]/g, '_').slice(0, 64)}`;
  return `cert:sha256=${createHash('sha256').update(raw).digest('hex').slice(0, 16)}`;
}
