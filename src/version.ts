import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** diegate's own version, from package.json. */
export const DIEGATE_VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).version;
