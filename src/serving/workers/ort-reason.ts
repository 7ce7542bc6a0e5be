/** Types by the numbers of ONNX that ONNX Runtime's binding for Node.js has no values for. */
const NO_VALUES: Readonly<Record<string, string>> = {
  10: 'float16',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
};

/**
 * What ONNX Runtime says of a model that it cannot open or run, in one line for people: without the places in its own
 * sources and the signatures of its functions, which stand in front of the reason.
 */
export function ortReason(message: string): string {
  const [line = ''] = message.split('\n', 1);
  const [, type] = /^Unsupported data type: (\d+)$/.exec(line) ?? [];
  if (type !== undefined)
    return `an input or output is ${NO_VALUES[type] ?? `of type ${type}`}, for which ONNX Runtime's binding for Node.js has no values: export it as float32, or let \`diegate check --fix\` put casts at the edges`;
  const [, operator] = /(\S+)\(-?\d+\) is not a registered function\/op/.exec(line) ?? [];
  if (operator !== undefined)
    return `operator ${operator} is none of ONNX Runtime's own: what needs an extension, or is for training, cannot be served`;
  return withoutSource(line);
}

function withoutSource(line: string): string {
  const at = line.search(/\/onnxruntime_src\/\S+:\d+ /);
  if (at === -1) return line;
  const end = endOfSignature(line, line.indexOf(' ', at) + 1);
  return end === undefined ? line : `${line.slice(0, at)}${line.slice(end).trimStart()}`;
}

/** Where the signature of a C++ function ends that begins at `from`; undefined where there is none. */
function endOfSignature(line: string, from: number): number | undefined {
  let at = endOfParentheses(line, from);
  // A function within a function: `Outer()::<lambda()>`.
  while (at !== undefined && line.startsWith('::', at)) {
    const inner = endOfParentheses(line, at);
    at = inner === undefined ? undefined : inner + (/^>*/.exec(line.slice(inner))?.[0].length ?? 0);
  }
  if (at === undefined) return undefined;
  const qualifiers = /^(?: const| noexcept| \[with [^\]]*\])*/.exec(line.slice(at))?.[0].length ?? 0;
  return at + qualifiers;
}

/** Behind the parentheses that open first from `from` on; undefined where none do, or they do not close. */
function endOfParentheses(line: string, from: number): number | undefined {
  let depth = 0;
  for (let at = line.indexOf('(', from); at !== -1 && at < line.length; at++) {
    if (line[at] === '(') depth++;
    if (line[at] === ')' && --depth === 0) return at + 1;
  }
  return undefined;
}
