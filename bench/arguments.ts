/**
 * Reads a program's arguments. What `read` throws is a mistake of whoever called: it becomes one line with
 * the usage, and the program ends.
 * @param end for tests; otherwise the line goes to stderr, with exit code 1
 */
export function readArguments<T>(usage: string, read: () => T, end: (line: string) => never = endWith): T {
  try {
    return read();
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}; usage: ${usage}`);
  }
}

/**
 * The scenarios that `--only` names, as in `sigterm,fuzz`; undefined without `--only`.
 * @throws Error when there is none of a name
 */
export function namedScenarios(
  only: string | undefined,
  names: readonly string[],
): ReadonlySet<string> | undefined {
  if (only === undefined) return undefined;
  const asked = new Set(only.split(','));
  const unknown = [...asked].filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only: no scenario "${unknown.join(', ')}", there are ${names.join(', ')}`);
  }
  return asked;
}

function endWith(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
