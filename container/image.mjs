import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image in a folder, as `buildah push … dir:FOLDER` writes it: its config and its layers, lowest first. */
export function readImage(folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const nameOf = ({ digest }) => digest.replace(/^sha256:/, '');
  const manifest = read('manifest.json');
  return {
    config: read(nameOf(manifest.config)),
    layerFiles: manifest.layers.map((layer) => join(folder, nameOf(layer))),
  };
}
