import { Command } from 'commander';
import { Fault } from '../errors.js';
import { openToOthers, readTrust } from '../signatures/trust.js';
import { signatureFileOf, verifyModel } from '../signatures/verify-model.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';
import { assertThere } from './sign.js';

const EXAMPLES = `
Examples:
  $ diegate verify models/my-screen/1 --key key.pub.pem
  $ diegate verify models/my-screen/1 --authority root.pem

Reads signatures of OpenSSF Model Signing 1.0 by key or certificate, diegate's own and those of other tools.
Those of Sigstore without a key need the internet and are refused. Nothing is asked of anybody.

Exit code 0: the signature is that of a key or an authority given, and every file is the one that was
signed. 1: not, and why, one line each.`;

interface VerifyCommandOptions {
  readonly streams?: CommandStreams;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

interface VerifyArguments {
  readonly key?: readonly string[];
  readonly authority?: readonly string[];
  readonly signature?: string;
  readonly ignore?: readonly string[];
  readonly ignoreUnsigned?: boolean;
}

/** `diegate verify`. */
export function verifyCommand({
  streams = PROCESS_STREAMS,
  now = Date.now,
}: VerifyCommandOptions = {}): Command {
  return new Command('verify')
    .description('verify the signature of a model version')
    .argument('<path>', 'version folder models/<name>/<version>, or one file')
    .option('--key <file...>', 'public keys (PEM) whose signatures count')
    .option('--authority <file...>', 'certificates (PEM) whose signers count')
    .option('--signature <file>', 'signature file (default: model.sig in the folder)')
    .option(
      '--ignore <path...>',
      'paths within the folder that are left out, besides those the signature names',
    )
    .option('--ignore-unsigned', 'let files be that the signature does not name')
    .addHelpText('after', EXAMPLES)
    .action((path: string, options: VerifyArguments) => verify(path, options, streams, now()));
}

async function verify(
  path: string,
  { key = [], authority = [], signature, ignore = [], ignoreUnsigned = false }: VerifyArguments,
  { stdout, stderr }: CommandStreams,
  now: number,
): Promise<void> {
  if (key.length + authority.length === 0) {
    throw new Fault('invalid_usage', ['expected --key or --authority: whose signature counts']);
  }
  await assertThere(path);
  for (const line of await openToOthers([...key, ...authority], 'write')) stderr.write(`warning: ${line}\n`);
  const { signer, signed } = await verifyModel({
    path,
    signatureFile: signature ?? (await signatureFileOf(path)),
    trust: await readTrust({ keys: key, authorities: authority }),
    now,
    ignored: ignore,
    ignoresUnsigned: ignoreUnsigned,
  });
  stdout.write(`${path} is what ${signer} signed: ${[...signed.digests.keys()].join(', ')}\n`);
}
