import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './models.js';

/** Whether this machine has what makes certificates. */
export const HAS_OPENSSL = spawnSync('openssl', ['version']).status === 0;

/** Files and contents of a certificate and its key. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

function run(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args);
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority, or, with `by`, a certificate of that authority for localhost. */
export async function makeCertificate(name: string, by?: TestCertificate): Promise<TestCertificate> {
  const folder = await temporaryFolder();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  run([
    ...[
      'req',
      '-x509',
      ...EC_KEY,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    ...(by === undefined
      ? []
      : ['-CA', by.certFile, '-CAkey', by.keyFile, '-addext', 'basicConstraints=critical,CA:FALSE']),
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

/** A root, an authority below it and a certificate for signing models, as an organisation has them; two days each. */
export async function makeSignerChain(): Promise<Record<'root' | 'middle' | 'signer', TestCertificate>> {
  const authority = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'];
  const root = await makeExtendedCertificate('root', undefined, authority);
  const middle = await makeExtendedCertificate('middle', root, authority);
  const signer = await makeExtendedCertificate('signer', middle, [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
  ]);
  return { root, middle, signer };
}

async function makeExtendedCertificate(
  name: string,
  by: TestCertificate | undefined,
  extensions: readonly string[],
): Promise<TestCertificate> {
  const folder = await temporaryFolder();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  run([
    ...[
      'req',
      '-x509',
      ...EC_KEY,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    ...(by === undefined ? [] : ['-CA', by.certFile, '-CAkey', by.keyFile]),
    ...extensions.flatMap((extension) => ['-addext', extension]),
  ]);
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
