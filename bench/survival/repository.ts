import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Load } from '../load/closed-loop.js';
import { SHIPPED } from '../servers/start.js';

/** The key that a server with the file of `writeKeys` takes for everything. */
export const ADMIN_KEY = 'survival';

/** A new folder, which goes when this process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diegate-survival-'));
  process.setMaxListeners(0);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A repository of its own with two equal versions of the shipped model, the first one the default. */
export function makeRepository(root = temporaryFolder()): string {
  const repository = join(root, 'models');
  cpSync(SHIPPED.repository, repository, { recursive: true });
  const second = join(repository, SHIPPED.model, '2');
  cpSync(join(repository, SHIPPED.model, '1'), second, { recursive: true });
  const manifest = join(second, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"version": "1"', '"version": "2"'));
  return repository;
}

/** A file of API keys, as API_KEYS_FILE. */
export function writeKeys(): string {
  const file = join(temporaryFolder(), 'keys.json');
  const sha256 = createHash('sha256').update(ADMIN_KEY).digest('hex');
  const key = { id: 'survival', sha256, permissions: ['predict', 'read', 'admin'] };
  writeFileSync(file, JSON.stringify({ keys: [key] }));
  return file;
}

/** A load that is sent with the admin key. */
export function withKey(load: Load): Load {
  return { ...load, headers: { ...load.headers, 'x-api-key': ADMIN_KEY } };
}
