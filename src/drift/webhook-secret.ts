import { readFile } from 'node:fs/promises';
import { Fault } from '../errors.js';

const LEAST_CHARACTERS = 16;

/**
 * Reads the key that webhooks are signed with; white space at its ends is not a part of it.
 * @throws Fault `invalid_config` when it cannot be read or is too short; the key is never named
 */
export async function readWebhookSecret(file: string): Promise<string> {
  let secret: string;
  try {
    secret = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'invalid_config',
      [`DRIFT_WEBHOOK_SECRET_FILE: ${file} cannot be read: ${reason}`],
      error,
    );
  }
  if (secret.length >= LEAST_CHARACTERS) return secret;
  const problem = `expected at least ${LEAST_CHARACTERS} characters in ${file}, found ${secret.length}`;
  throw new Fault('invalid_config', [`DRIFT_WEBHOOK_SECRET_FILE: ${problem}`]);
}
