// Unpacks an image that readImage() reads into a folder, as root, with owners and modes.
//   node container/unpack.mjs IMAGE FOLDER
import { execFileSync } from 'node:child_process';
import { readImage } from './image.mjs';

const [image = '.', folder = '.'] = process.argv.slice(2);
for (const layer of readImage(image).layerFiles) {
  // A layer that takes away files of a lower one would have to be read as such; this image has none.
  const names = execFileSync('tar', ['-tf', layer], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (/(^|\/)\.wh\./m.test(names))
    throw new Error(`${layer}: expected only files that are added, found a whiteout`);
  execFileSync('tar', ['-x', '-p', '--same-owner', '-f', layer, '-C', folder]);
}
