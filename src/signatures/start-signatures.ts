import type { Config } from '../config.js';
import type { CheckSignature } from './version-signatures.js';

/**
 * The check of signatures as the settings have it, and undefined where nobody looks: only then is what it
 * needs not loaded.
 * @param onWarning told of files of keys that others may change
 * @throws Fault `invalid_signature` when a file of keys or certificates cannot be used
 */
export async function startSignatures(
  config: Config,
  onWarning: (line: string) => void,
): Promise<CheckSignature | undefined> {
  const { MODEL_SIGNATURES: policy, MODEL_SIGNATURE_KEYS, MODEL_SIGNATURE_AUTHORITIES } = config;
  if (policy === 'off') return undefined;
  const { createSignatureCheck } = await import('./version-signatures.js');
  return createSignatureCheck({
    policy,
    trust: { keys: MODEL_SIGNATURE_KEYS ?? [], authorities: MODEL_SIGNATURE_AUTHORITIES ?? [] },
    now: () => Date.now(),
    onWarning,
  });
}
