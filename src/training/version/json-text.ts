/**
 * JSON to be read and compared by people: objects and lists of objects down to `depth` get a line for
 * each member, everything below stands on one line. Ends with a line break.
 */
export function jsonText(value: unknown, depth: number): string {
  return `${format(value, depth, '')}\n`;
}

function format(value: unknown, depth: number, indent: string): string {
  const inner = `${indent}  `;
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) return JSON.stringify(value);
    return block(
      '[',
      ']',
      value.map((item) => format(item, depth - 1, inner)),
      indent,
    );
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const lines = members.map(([key, member]) => `${JSON.stringify(key)}: ${format(member, depth - 1, inner)}`);
  return block('{', '}', lines, indent);
}

function block(open: string, close: string, lines: readonly string[], indent: string): string {
  if (lines.length === 0) return `${open}${close}`;
  return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(',\n')}\n${indent}${close}`;
}
