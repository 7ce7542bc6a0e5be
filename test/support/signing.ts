import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './models.js';

/** Files of a key pair that models can be signed with, PEM. */
export interface SigningKeyFiles {
  readonly privateFile: string;
  readonly publicFile: string;
}

/** A new key, of P-256 unless said otherwise. */
export async function makeSigningKey(namedCurve = 'P-256'): Promise<SigningKeyFiles> {
  const folder = await temporaryFolder();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const [privateFile, publicFile] = [join(folder, 'key.pem'), join(folder, 'key.pub.pem')];
  await writeFile(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(publicFile, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  return { privateFile, publicFile };
}
