import { readFileSync } from 'node:fs';

/** What a start opens at a time, most of all the files of its modules. */
const NEEDED_AT_START = 128;
/** What the server holds open beside the connections: workers, their channels, files that are read. */
const BESIDE_CONNECTIONS = 64;

/** How many file descriptors this process may have open; undefined where the system does not say. */
export function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/**
 * The one line that says why a start failed for want of file descriptors; undefined where it failed otherwise.
 * @param limit as it was read beforehand: reading it takes one
 */
export function wantOfDescriptors(error: unknown, limit: number | undefined): string | undefined {
  const code = wantIn(error);
  if (code === 'ENFILE') return 'the system has no file descriptors left (ENFILE: fs.file-max)';
  if (code !== 'EMFILE') return undefined;
  const found = limit === undefined ? '' : `this process may open ${limit}, `;
  return `too few file descriptors (EMFILE): ${found}expected at least ${NEEDED_AT_START} and one for each connection; raise ulimit -n, LimitNOFILE= of systemd or --ulimit nofile= of the container`;
}

/** What an error, or what caused it, says of descriptors: of a process that could not be started only its message does. */
function wantIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const said = 'code' in error ? `${error.code} ${error.message}` : error.message;
  return /\b(?:EMFILE|ENFILE)\b/.exec(said)?.[0] ?? wantIn(error.cause);
}

/** What is said at a start that has fewer than its connections may need; undefined where there are enough. */
export function descriptorsShort(
  maxConnections: number,
  limit: number | undefined = descriptorLimit(),
): string | undefined {
  const needed = maxConnections + BESIDE_CONNECTIONS;
  if (limit === undefined || limit >= needed) return undefined;
  return `this process may open ${limit} file descriptors, MAX_CONNECTIONS ${maxConnections} needs ${needed}: connections beyond are not taken`;
}
