import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { Fault } from '../errors.js';
import { parseVerifierKey } from '../records/checkpoint.js';
import { parseDieKey } from '../records/die-key.js';
import { storyOf, storyText } from '../records/die-story.js';
import { checkProof, proveDie } from '../records/proof.js';
import { verifyLog } from '../records/verify.js';
import { readingFiles, recordsFolder } from './log.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, PROCESS_STREAMS } from './output.js';

const EXAMPLES = `
Examples:
  $ diegate audit verify /var/lib/diegate/records --key records-key.pub.pem
  $ diegate audit prove --die LOT4711/W07/12/-3 > proof.json
  $ diegate audit check proof.json --key records-key.pub.pem

verify looks at every byte of a folder of records: the chain of checkpoints, their signatures, and against them every
record that is kept. It names the first record that was changed, removed or moved. --witness holds a checkpoint that
somebody else has kept, such as a log line, against the folder: what was cut off at the end, or written anew as a
whole, is found by nothing else.
prove prints the proof that a record is in the log; check needs nothing but that proof and the key.

A key is PEM (openssl pkey -in records-key.pem -pubout) or name+id+base64, as the record of each start has it.

Exit code 0: everything holds. 1: it does not, and what, one line each.`;

interface AuditCommandOptions {
  /** RECORDS_DIR is read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams?: CommandStreams;
}

/** `diegate audit`. */
export function auditCommand({ environment, streams = PROCESS_STREAMS }: AuditCommandOptions): Command {
  const audit = new Command('audit')
    .description('verify records of dies, and prove that one is among them')
    .addHelpText('after', EXAMPLES);
  audit
    .command('verify')
    .description('verify a folder of records')
    .argument('[folder]', 'folder of the records (default: RECORDS_DIR)')
    .option('--key <file...>', 'public keys, one of which has to have signed every checkpoint')
    .option('--witness <file...>', 'checkpoints that somebody else has kept')
    .action((folder: string | undefined, options: VerifyLogArguments) =>
      verify(recordsFolder(folder, environment), options, streams),
    );
  audit
    .command('prove')
    .description('print the proof that the record of a die is in the log')
    .requiredOption('--die <key>', 'id of the die, or lot/wafer/x/y')
    .option('--sequence <number>', 'one record of it; all of them without it, one proof behind another')
    .option('--records <folder>', 'folder of the records (default: RECORDS_DIR)')
    .action((options: ProveArguments) => prove(options, environment, streams));
  audit
    .command('check')
    .description('check a proof, without the log')
    .argument('<proof>', 'file of the proof; - for standard input')
    .option('--key <file>', 'public key that has to have signed the checkpoint')
    .action(async (file: string, { key }: { readonly key?: string }) => {
      const proof =
        file === '-' ? await text(process.stdin) : await readingFiles(() => readFile(file, 'utf8'));
      const { record, log, segment, isSigned } = checkProof(
        proof,
        key === undefined ? undefined : await readKey(key),
      );
      streams.stdout.write(
        `Record ${record.sequence} is in segment ${segment} of the log "${log}"${isSigned ? ', signed by the key given' : '; without --key nobody says whose log that is'}.\n\n`,
      );
      streams.stdout.write(storyText(storyOf(record.dieId ?? `of record ${record.sequence}`, [record])));
    });
  return audit;
}

interface VerifyLogArguments {
  readonly key?: readonly string[];
  readonly witness?: readonly string[];
}

async function verify(
  folder: string,
  { key, witness = [] }: VerifyLogArguments,
  { stdout }: CommandStreams,
): Promise<void> {
  const keys = key && (await Promise.all(key.map(readKey)));
  const witnessed = await Promise.all(witness.map((file) => readingFiles(() => readFile(file, 'utf8'))));
  const { segments, records, problems, notes, head } = await readingFiles(() =>
    verifyLog(folder, { keys, witnessed }),
  );
  for (const note of notes) stdout.write(`${note}\n`);
  if (problems.length > 0) throw new Fault('invalid_signature', problems);
  stdout.write(
    `${records} records in ${segments} ${segments === 1 ? 'segment' : 'segments'} are as they were written${keys === undefined ? '; without --key nobody says by whom' : ', and sealed with the key given'}.\n`,
  );
  if (head !== undefined) stdout.write(`\nThe newest checkpoint, for somebody else to keep:\n\n${head}`);
}

interface ProveArguments {
  readonly die: string;
  readonly sequence?: string;
  readonly records?: string;
}

async function prove(
  { die, sequence, records }: ProveArguments,
  environment: AuditCommandOptions['environment'],
  { stdout }: CommandStreams,
): Promise<void> {
  const options = createOptionReader();
  const at =
    sequence === undefined
      ? undefined
      : options.wholeNumber('--sequence', sequence, 0, Number.MAX_SAFE_INTEGER);
  options.finish();
  const folder = recordsFolder(records, environment);
  const key = parseDieKey(die);
  const proofs = await readingFiles(() => proveDie(folder, key === undefined ? { dieId: die } : { key }, at));
  for (const proof of proofs) stdout.write(proof);
}

/** @throws Fault `invalid_usage` where a file holds no public key of Ed25519 */
async function readKey(file: string): Promise<KeyObject> {
  const found = await readingFiles(() => readFile(file, 'utf8'));
  const key = parseVerifierKey(found) ?? pemKey(found);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new Fault('invalid_usage', [
    `${file} holds no public key of Ed25519, expected PEM (openssl pkey -in key.pem -pubout) or name+id+base64`,
  ]);
}

function pemKey(pem: string): KeyObject | undefined {
  // A private key holds the public one too, but has no place where proofs are checked.
  if (/PRIVATE KEY/.test(pem)) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
