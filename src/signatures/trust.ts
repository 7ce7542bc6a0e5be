import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Fault } from '../errors.js';
import { unfitKey } from './envelope.js';

/** A public key that models may be signed with. */
export interface TrustedKey {
  readonly file: string;
  readonly key: KeyObject;
  /** What a bundle may name it by: SHA-256 of its PEM text, as the reference implementation does, or of its DER. */
  readonly hints: readonly string[];
}

/** Whose signatures count. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  readonly authorities: readonly X509Certificate[];
}

/** Files that say whose signatures count. */
export interface TrustFiles {
  /** PEM files of one public key each. */
  readonly keys: readonly string[];
  /** PEM files of certificates. */
  readonly authorities: readonly string[];
}

/**
 * Reads whose signatures count.
 * @throws Fault `invalid_signature` with one line for each file that cannot be used
 */
export async function readTrust({ keys, authorities }: TrustFiles): Promise<Trust> {
  const problems: string[] = [];
  const read = async <T>(file: string, parse: (pem: string) => T | string): Promise<T[]> => {
    try {
      const parsed = parse(await readFile(file, 'utf8'));
      if (typeof parsed !== 'string') return [parsed];
      problems.push(`${file} ${parsed}`);
    } catch (error) {
      problems.push(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    return [];
  };
  const trust = {
    keys: (await Promise.all(keys.map((file) => read(file, (pem) => trustedKey(file, pem))))).flat(),
    authorities: (await Promise.all(authorities.map((file) => read(file, certificatesIn)))).flat(2),
  };
  if (problems.length > 0) throw new Fault('invalid_signature', problems);
  return trust;
}

function trustedKey(file: string, pem: string): TrustedKey | string {
  // A private key would do as well: it holds the public one. But it has no place on a server.
  if (/PRIVATE KEY/.test(pem))
    return 'holds a private key, expected a public one: openssl pkey -in key.pem -pubout';
  const key = createPublicKey(pem);
  const unfit = unfitKey(key);
  return unfit ?? { file, key, hints: hintsOf(key) };
}

/** By what a bundle names a key: the first is what is written. */
export function hintsOf(key: KeyObject): string[] {
  const forms = [key.export({ type: 'spki', format: 'pem' }), key.export({ type: 'spki', format: 'der' })];
  return forms.map((form) => createHash('sha256').update(form).digest('hex'));
}

/** The certificates of a PEM file, or what is wrong with it. */
export function certificatesIn(pem: string): X509Certificate[] | string {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return blocks?.map((block) => new X509Certificate(block)) ?? 'holds no certificate (PEM)';
}

const OTHERS = { read: 0o044, write: 0o022 };

/**
 * One line for each file with which others than its owner may do what they should not: read a private key,
 * or write to a file that says whose signatures count.
 */
export async function openToOthers(files: readonly string[], what: keyof typeof OTHERS): Promise<string[]> {
  const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  return files
    .filter((_, i) => ((found[i]?.mode ?? 0) & OTHERS[what]) !== 0)
    .map(
      (file) =>
        `${file}: others than its owner may ${what} it; chmod go-${what === 'read' ? 'rwx' : 'w'} ${file}`,
    );
}
