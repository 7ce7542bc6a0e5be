import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Fault } from '../errors.js';

// Who can read the key can sign another log. A group may: Kubernetes mounts Secrets for one.
const READ_BY_EVERYBODY = 0o004;

/**
 * Reads the key that checkpoints are signed with.
 * @throws Fault `invalid_config` where it is missing, readable by everybody, or no Ed25519 key
 */
export async function readSigningKeyOfLog(file: string): Promise<KeyObject> {
  const refuse = (problem: string, cause?: unknown) =>
    new Fault('invalid_config', [`RECORDS_KEY_FILE: ${file} ${problem}`], cause);
  let pem: string;
  try {
    const { mode } = await stat(file);
    if ((mode & READ_BY_EVERYBODY) !== 0)
      throw refuse(`can be read by everybody (mode ${(mode & 0o777).toString(8)}), expected at most 640`);
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refuse('holds no private key in PEM, expected openssl genpkey -algorithm ed25519', error);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw refuse(`holds a key of ${key.asymmetricKeyType}, expected one of ed25519`);
  return key;
}
