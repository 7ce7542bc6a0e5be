import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../errors.js';
import type { SignatureReport } from '../models/catalogue.js';
import { ManifestSchema } from '../models/manifest/manifest.js';
import { ReferenceSchema } from '../models/manifest/reference.js';
import type { ModelVersion } from '../models/model-version.js';
import type { SignedFiles } from './statement.js';
import { openToOthers, readTrust, type TrustFiles } from './trust.js';
import { SIGNATURE_FILE, verifyModel } from './verify-model.js';

/** What becomes of a version whose signature does not hold: it is refused, or told of. */
type SignaturePolicy = 'require' | 'warn';

interface VersionSignaturesOptions {
  readonly policy: SignaturePolicy;
  readonly trust: TrustFiles;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Told of files of keys that others may change. */
  readonly onWarning: (line: string) => void;
}

/** Checks who signed a version; asked before each load. */
export type CheckSignature = (version: ModelVersion) => Promise<SignatureReport>;

/**
 * The check of the versions' signatures.
 * @throws Fault `invalid_signature` when a file of keys or certificates cannot be used
 */
export async function createSignatureCheck(options: VersionSignaturesOptions): Promise<CheckSignature> {
  const { policy, trust, now, onWarning } = options;
  await readTrust(trust);
  for (const line of await openToOthers([...trust.keys, ...trust.authorities], 'write')) onWarning(line);
  return async (version) => {
    try {
      // Read anew: a key that was replaced counts from the next load on.
      const signer = await signerOf(version, trust, now());
      return { status: 'verified', signer };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const problems = error.problems.map((problem) => `model ${version.key}: signature: ${problem}`);
      if (policy === 'require') throw new Fault('invalid_model', problems, error);
      return { status: 'refused', reason: error.problems.join('; ') };
    }
  };
}

/**
 * Who signed exactly the files that the server has read and the workers will open. The workers take only
 * files whose SHA-256 the manifest states, so what has to be bound to the signature is the manifest.
 */
async function signerOf(version: ModelVersion, trustFiles: TrustFiles, now: number): Promise<string> {
  const folder = dirname(version.modelFile);
  const trust = await readTrust(trustFiles);
  const { signer, signed } = await verifyModel({
    path: folder,
    signatureFile: join(folder, SIGNATURE_FILE),
    trust,
    now,
  });
  const problems = [
    ...(await heldAgainst(folder, 'manifest.json', signed, (json) =>
      isDeepStrictEqual(ManifestSchema.safeParse(json).data, version.manifest),
    )),
    ...(version.reference === undefined
      ? []
      : await heldAgainst(folder, 'reference.json', signed, (json) =>
          isDeepStrictEqual(ReferenceSchema.safeParse(json).data, version.reference),
        )),
  ];
  if (![...signed.digests.keys()].some((name) => /^model\.onnx(:\d+:\d+)?$/.test(name)))
    problems.push('"model.onnx" is left out of what was signed');
  if (problems.length > 0) throw new Fault('invalid_signature', problems);
  return signer;
}

/** Whether a file is still the one that was signed, and still says what the server has read in it. */
async function heldAgainst(
  folder: string,
  name: string,
  signed: SignedFiles,
  isAsRead: (json: unknown) => boolean,
): Promise<string[]> {
  const bytes = await readFile(join(folder, name));
  const { hashType, shardBytes, digests } = signed;
  const step = shardBytes ?? Math.max(1, bytes.length);
  for (let start = 0; start < bytes.length; start += step) {
    const piece = bytes.subarray(start, start + step);
    const key = shardBytes === undefined ? name : `${name}:${start}:${start + piece.length}`;
    const digest = createHash(hashType === 'blake2b' ? 'blake2b512' : hashType)
      .update(piece)
      .digest('hex');
    if (digests.get(key) !== digest) return [`"${name}" is left out of what was signed, or has been changed`];
  }
  if (isAsRead(JSON.parse(bytes.toString('utf8')))) return [];
  return [`"${name}" is not what it was when the server read it: a version is immutable, add another one`];
}
