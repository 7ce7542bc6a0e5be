import { access, rename, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { readSigningKey, signModel } from '../signatures/sign-model.js';
import { openToOthers } from '../signatures/trust.js';
import { signatureFileOf } from '../signatures/verify-model.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -nocrypt -out key.pem
  $ openssl pkey -in key.pem -pubout -out key.pub.pem
  $ diegate sign models/my-screen/1 --key key.pem
  $ diegate sign models/my-screen/1 --key key.pem --certificate signer.pem intermediate.pem

Every file of the version is signed in the form of OpenSSF Model Signing 1.0 (a Sigstore bundle); other
tools of that standard verify it, and diegate verifies theirs. Nothing is sent anywhere. Sign last: a file
that is added or changed later makes the signature invalid.

The password of an encrypted key comes from the environment variable DIEGATE_KEY_PASSWORD.

Exit code 0: the version is signed. 1: it is not, and why.`;

interface SignCommandOptions {
  /** DIEGATE_KEY_PASSWORD is read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams?: CommandStreams;
}

interface SignArguments {
  readonly key: string;
  readonly certificate?: readonly string[];
  readonly signature?: string;
  readonly ignore?: readonly string[];
  readonly force?: true;
}

/** `diegate sign`. */
export function signCommand({ environment, streams = PROCESS_STREAMS }: SignCommandOptions): Command {
  return new Command('sign')
    .description('sign all files of a model version with a key')
    .argument('<path>', 'version folder models/<name>/<version>, or one file')
    .requiredOption('--key <file>', 'private key (PEM): P-256, P-384 or P-521')
    .option('--certificate <file...>', "the signer's certificate, and those between it and the authority")
    .option('--signature <file>', 'signature file to write (default: model.sig in the folder)')
    .option('--ignore <path...>', 'paths within the folder that are left out')
    .option('--force', 'replace a signature that is there')
    .addHelpText('after', EXAMPLES)
    .action((path: string, options: SignArguments) => sign(path, options, environment, streams));
}

async function sign(
  path: string,
  options: SignArguments,
  environment: SignCommandOptions['environment'],
  { stdout, stderr }: CommandStreams,
): Promise<void> {
  const { key: keyFile, certificate = [], ignore = [], force = false } = options;
  await assertThere(path);
  const file = options.signature ?? (await signatureFileOf(path));
  await assertWritable({ '--signature': file }, [keyFile, ...certificate]);
  if (!force && (await isThere(file))) {
    throw new Fault('invalid_usage', [`${file} exists: expected --force to replace it`]);
  }
  for (const line of await openToOthers([keyFile], 'read')) stderr.write(`warning: ${line}\n`);
  const key = await readSigningKey(keyFile, certificate, environment.DIEGATE_KEY_PASSWORD);
  const { bundle, files } = await signModel(path, key, file, ignore);
  await writeFile(`${file}.tmp`, bundle);
  await rename(`${file}.tmp`, file);
  stdout.write(
    `${file}: ${files.length} ${files.length === 1 ? 'file' : 'files'} signed: ${files.join(', ')}\n`,
  );
}

/** @throws Fault `invalid_usage` */
export async function assertThere(path: string): Promise<void> {
  if (!(await isThere(path))) {
    throw new Fault('invalid_usage', [`${path} is not there, expected a version folder, or one file`]);
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
