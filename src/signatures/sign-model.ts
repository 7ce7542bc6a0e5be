import { createPrivateKey, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import { Fault } from '../errors.js';
import { BUNDLE_MEDIA_TYPE, PAYLOAD_TYPE } from './bundle.js';
import { signPayload, unfitKey } from './envelope.js';
import { digestsOf, listModelFiles } from './signed-folder.js';
import { writeStatement } from './statement.js';
import { certificatesIn, hintsOf } from './trust.js';

/** With what a model is signed. */
interface SigningKey {
  readonly key: KeyObject;
  /** The signer's certificate and those between it and an authority; none where the bare key is what others trust. */
  readonly chain: readonly X509Certificate[];
}

/**
 * Reads a private key, and the certificates that go with it.
 * @param password of an encrypted key
 * @throws Fault `invalid_signature` with one line for each problem
 */
export async function readSigningKey(
  keyFile: string,
  certificateFiles: readonly string[],
  password: string | undefined,
): Promise<SigningKey> {
  const key = await readPrivateKey(keyFile, password);
  const chain: X509Certificate[] = [];
  for (const file of certificateFiles) {
    const certificates = certificatesIn(await textOf(file));
    if (typeof certificates === 'string') throw new Fault('invalid_signature', [`${file} ${certificates}`]);
    chain.push(...certificates);
  }
  const [own] = chain;
  if (own !== undefined && !own.checkPrivateKey(key)) {
    throw new Fault('invalid_signature', [
      `the first certificate, ${own.subject.split('\n').join(', ')}, is not that of ${keyFile}`,
    ]);
  }
  return { key, chain };
}

async function readPrivateKey(file: string, password: string | undefined): Promise<KeyObject> {
  const pem = await textOf(file);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...(password !== undefined && { passphrase: password }) });
  } catch (error) {
    const isEncrypted = /ENCRYPTED/.test(pem);
    const reason = isEncrypted
      ? password === undefined
        ? 'it is encrypted, and no password was given'
        : 'the password does not open it'
      : 'it is no private key (PEM)';
    throw new Fault('invalid_signature', [`${file} cannot be used: ${reason}`], error);
  }
  const unfit = unfitKey(key);
  if (unfit !== undefined) throw new Fault('invalid_signature', [`${file} ${unfit}`]);
  return key;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Fault(
      'invalid_signature',
      [`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`],
      error,
    );
  }
}

/**
 * Signs all files of a model (OMS 1.0, section 6).
 * @param path folder of the model, or its only file
 * @param signatureFile where the signature will be: left out of what is signed
 * @param ignored further paths that are left out
 * @returns the bundle, JSON, and the files that it covers
 * @throws Fault `invalid_signature` when there is nothing to sign, or something that cannot be
 */
export async function signModel(
  path: string,
  { key, chain }: SigningKey,
  signatureFile: string,
  ignored: readonly string[] = [],
): Promise<{ readonly bundle: string; readonly files: readonly string[] }> {
  const root = resolve(path);
  const own = relative(root, resolve(signatureFile)).split(sep).join('/');
  const left = [...ignored, ...(own.startsWith('../') || own === '' ? [] : [own])];
  const files = await listModelFiles(root, { followsLinks: false, ignored: left });
  const unnamed = files.find((file) => file.includes('\ufffd'));
  if (unnamed !== undefined)
    throw new Fault('invalid_signature', [
      `"${unnamed}" is a name that is not UTF-8, which a signature cannot hold`,
    ]);
  if (files.length === 0) throw new Fault('invalid_signature', [`${path} holds no file to sign`]);
  const digests = await digestsOf(root, files, { hashType: 'sha256', shardBytes: undefined });
  const payload = writeStatement(basename(root), digests, left);
  const bundle = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { ...materialFor(key, chain), tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: signPayload(payload, key).toString('base64'), keyid: '' }],
    },
  };
  return { bundle: `${JSON.stringify(bundle)}\n`, files };
}

function materialFor(key: KeyObject, chain: readonly X509Certificate[]) {
  if (chain.length === 0) return { publicKey: { hint: hintsOf(createPublicKey(key))[0] } };
  return {
    x509CertificateChain: { certificates: chain.map(({ raw }) => ({ rawBytes: raw.toString('base64') })) },
  };
}
