import { sealSegment } from './seal.js';

/**
 * The process that seals one segment, beside the server: arguments are the folder, the number of the segment, the name of the
 * log and, where checkpoints are signed, the file of the key. Says what it made as one line of JSON.
 */
const [folder = '', segment = '', name = '', keyFile] = process.argv.slice(2);
try {
  process.stdout.write(`${JSON.stringify(await sealSegment(Number(segment), { folder, name, keyFile }))}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
