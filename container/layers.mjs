// Prints the layers of an image in a folder: what made each, its size as files and as it travels.
//   node container/layers.mjs FOLDER
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { readImage } from './image.mjs';

const MB = 1_000_000;
const folder = process.argv[2] ?? '.';
const { config, layerFiles } = readImage(folder);
const made = config.history.filter((step) => step.empty_layer !== true).map((step) => step.created_by);
const rows = layerFiles.map((file, index) => {
  const bytes = readFileSync(file);
  return { made: made[index] ?? '', bytes: bytes.length, packed: gzipSync(bytes).length };
});
const total = rows.reduce(
  (sum, row) => ({ made: 'in all', bytes: sum.bytes + row.bytes, packed: sum.packed + row.packed }),
  { made: 'in all', bytes: 0, packed: 0 },
);
/** "COPY in node_modules" of what the builder notes: its no-op shell command with a digest of the files. */
const nameOf = (made) =>
  made
    .replace(/^.*#\(nop\) /, '')
    .replace(/\w+:[0-9a-f]{64} /, '')
    .trim();

process.stdout.write('        MB   gzip MB  layer\n');
for (const row of [...rows, total]) {
  const [size, packed] = [row.bytes, row.packed].map((bytes) => (bytes / MB).toFixed(1).padStart(10));
  process.stdout.write(`${size}${packed}  ${nameOf(row.made)}\n`);
}
if (total.bytes > 250 * MB) {
  process.stderr.write(`${folder}: expected at most 250 MB, found ${(total.bytes / MB).toFixed(1)} MB\n`);
  process.exitCode = 1;
}
