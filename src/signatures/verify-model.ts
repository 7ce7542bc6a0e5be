import { type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { Fault } from '../errors.js';
import { schemaProblems } from '../schema-faults.js';
import { type Bundle, BundleSchema, MAX_BUNDLE_BYTES, materialOf } from './bundle.js';
import { nameOf, trustedSigner } from './certificate-chain.js';
import { isSignedInOldFormWith, isSignedWith, unfitKey } from './envelope.js';
import { digestsOf, listModelFiles } from './signed-folder.js';
import { readStatement, type SignedFiles } from './statement.js';
import type { Trust, TrustedKey } from './trust.js';

/** Name of the signature file in a version's folder. */
export const SIGNATURE_FILE = 'model.sig';

interface VerifyOptions {
  /** Folder of the model, or its only file. */
  readonly path: string;
  readonly signatureFile: string;
  readonly trust: Trust;
  /** Milliseconds since 1970, by which certificates expire. */
  readonly now: number;
  /** Paths that are left out besides those that the signature names. */
  readonly ignored?: readonly string[];
  /** Whether files that the signature does not name do no harm. */
  readonly ignoresUnsigned?: boolean;
}

/** A signature that holds for every file. */
interface VerifiedModel {
  /** Who signed, for people: the key's file or the certificate's subject. */
  readonly signer: string;
  readonly signed: SignedFiles;
}

/**
 * Verifies a model against its signature: who signed, and that every file is the one that was signed.
 * @throws Fault `invalid_signature` with one line for each problem
 */
export async function verifyModel(options: VerifyOptions): Promise<VerifiedModel> {
  const bundle = await readBundle(options.signatureFile);
  const { signer, payload } = verifiedPayload(bundle, options.trust, options.now);
  const signed = readStatement(payload);
  if (Array.isArray(signed)) throw new Fault('invalid_signature', signed);
  const problems = await differences(options, signed);
  if (problems.length > 0) throw new Fault('invalid_signature', problems);
  return { signer, signed };
}

/** @throws Fault `invalid_signature` */
async function readBundle(file: string): Promise<Bundle> {
  const name = basename(file);
  let text: string;
  try {
    if ((await stat(file)).size > MAX_BUNDLE_BYTES)
      throw new Error(`it is larger than ${MAX_BUNDLE_BYTES} bytes`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'invalid_signature',
      [isMissing ? `${name} is missing: the model is not signed` : `${name} cannot be read: ${reason}`],
      error,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Fault('invalid_signature', [`${name} is not JSON, expected a Sigstore bundle`], error);
  }
  const parsed = BundleSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new Fault(
    'invalid_signature',
    schemaProblems(content, parsed.error.issues).map((problem) => `${name}: ${problem}`),
  );
}

/** What was signed and by whom, once the signature has been found to be that of somebody who is trusted. */
function verifiedPayload(bundle: Bundle, trust: Trust, now: number): { signer: string; payload: Buffer } {
  const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
  const signature = Buffer.from(bundle.dsseEnvelope.signatures[0]?.sig ?? '', 'base64');
  const isSignedBy = (key: KeyObject) =>
    isSignedWith(payload, signature, key) || isSignedInOldFormWith(payload, signature, key);
  const refuse = (problem: string): never => {
    throw new Fault('invalid_signature', [problem]);
  };
  const material =
    materialOf(bundle) ??
    refuse(
      'the signature names no way, or more than one, to verify it: expected a public key or a certificate chain',
    );
  switch (material.by) {
    case 'sigstore':
      return refuse(
        'the model is signed by Sigstore without a key (Fulcio, Rekor), which needs the internet: expected a key or a certificate chain',
      );
    case 'key': {
      const key = keyNamed(material.hint, trust.keys);
      if (typeof key === 'string') return refuse(key);
      const found = key.find((trusted) => isSignedBy(trusted.key));
      return {
        signer: `key ${found?.file ?? refuse(`the signature is not that of ${key.map(({ file }) => file).join(' or ')}: another key signed, or the statement was changed`)}`,
        payload,
      };
    }
    case 'certificate': {
      const signer = trustedSigner(material.chain, trust.authorities, now);
      if (!(signer instanceof X509Certificate)) return refuse(signer);
      const unfit = unfitKey(signer.publicKey);
      if (unfit !== undefined) return refuse(`${nameOf(signer)} ${unfit}`);
      const holds = isSignedBy(signer.publicKey);
      return holds
        ? { signer: nameOf(signer), payload }
        : refuse(
            `the signature is not that of ${nameOf(signer)}: another key signed, or the statement was changed`,
          );
    }
  }
}

/** The trusted keys that a signature can be of, or why there is none. */
function keyNamed(hint: string | undefined, keys: readonly TrustedKey[]): readonly TrustedKey[] | string {
  if (keys.length === 0) return 'the model is signed with a key, and no key is trusted';
  const named = hint === undefined ? keys : keys.filter(({ hints }) => hints.includes(hint));
  if (named.length > 0) return named;
  return `the model is signed with the key ${hint}, which is none of those that are trusted: ${keys.map(({ file, hints }) => `${file} (${hints[0]})`).join(', ')}`;
}

/** One line for each file that is not what was signed. */
async function differences(options: VerifyOptions, signed: SignedFiles): Promise<string[]> {
  const { path, signatureFile, ignored = [], ignoresUnsigned = false } = options;
  const root = resolve(path);
  const own = relative(root, resolve(signatureFile)).split(sep).join('/');
  const scope = { followsLinks: signed.followsLinks, ignored: [...signed.ignored, ...ignored, own] };
  const listed = await listModelFiles(root, scope);
  const files = ignoresUnsigned ? listed.filter((file) => isNamed(file, signed)) : listed;
  const found = await digestsOf(root, files, signed);
  const isSingle = listed.length === 1 && listed[0] === basename(root) && signed.digests.has('.');
  if (isSingle) found.set('.', found.get(basename(root)) ?? '').delete(basename(root));
  return compareDigests(found, signed.digests);
}

function isNamed(file: string, { digests, shardBytes }: SignedFiles): boolean {
  return (
    digests.has(file) ||
    (shardBytes !== undefined && [...digests.keys()].some((name) => name.replace(/:\d+:\d+$/, '') === file))
  );
}

/** One line for each name whose digest differs, or that only one side has. */
function compareDigests(found: ReadonlyMap<string, string>, signed: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  for (const [name, digest] of signed) {
    const actual = found.get(name);
    if (actual === undefined) problems.push(`"${name}" was signed and is missing`);
    else if (actual !== digest)
      problems.push(`"${name}" is not the file that was signed: expected digest ${digest}, found ${actual}`);
  }
  for (const name of found.keys())
    if (!signed.has(name)) problems.push(`"${name}" is there and was not signed`);
  return problems;
}

/** The signature file that belongs to a model where none is named: in its folder, or beside its only file. */
export async function signatureFileOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? `${path}.sig` : join(path, SIGNATURE_FILE);
}
