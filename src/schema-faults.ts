import type { z } from 'zod';

/** What was found, in the words of a refusal; of a large input only its size. */
export function describeInput(input: unknown): string {
  if (input === undefined) return 'nothing';
  if (input === null) return 'null';
  if (Array.isArray(input)) return `an array of ${input.length}`;
  if (typeof input === 'string') return input === '' ? 'an empty string' : describeString(input);
  if (typeof input === 'object') return 'an object';
  return String(input);
}

/** Short strings are quoted, long ones only measured: a refusal must not echo a large input. */
function describeString(input: string): string {
  return input.length > 40 ? `a string of length ${input.length}` : `the string ${JSON.stringify(input)}`;
}

/** What a schema has against a value: where, and in words what is expected there and what was found. */
interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The faults that a schema found in a value: words of its own are kept, zod's are made ours. */
export function schemaFaults(value: unknown, issues: readonly z.core.$ZodIssue[]): SchemaFault[] {
  return issues.flatMap((issue) => faultsOf(value, issue));
}

/** One line for each of them: where, what is expected, what was found. */
export function schemaProblems(value: unknown, issues: readonly z.core.$ZodIssue[]): string[] {
  return schemaFaults(value, issues).map(
    ({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`,
  );
}

function faultsOf(value: unknown, issue: z.core.$ZodIssue): SchemaFault[] {
  const { path } = issue;
  if (issue.code === 'invalid_union' && isZods(issue.message)) {
    const within = meant(issue.errors);
    if (within !== undefined)
      return within.flatMap((one) => faultsOf(value, { ...one, path: [...path, ...one.path] }));
  }
  const expected = expectation(issue);
  const isWhole = issue.code === 'unrecognized_keys' || issue.code === 'custom' || / found /.test(expected);
  return [{ path, message: isWhole ? expected : `${expected}, found ${foundAt(value, path)}` }];
}

/**
 * Of the faults by each choice of a union those of the one that was meant: the only one that the value is of the
 * right type for.
 */
function meant(errors: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const deeper = errors.filter((issues) => issues.every(({ path }) => path.length > 0));
  return deeper.length === 1 ? deeper[0] : undefined;
}

function isZods(message: string): boolean {
  return /^(?:Invalid|Too small|Too big|Unrecognized)/.test(message);
}

function expectation(issue: z.core.$ZodIssue): string {
  if (!isZods(issue.message)) return issue.message;
  switch (issue.code) {
    case 'unrecognized_keys':
      return `unknown ${issue.keys.length > 1 ? 'keys' : 'key'} ${quoted(issue.keys, ', ')}`;
    case 'invalid_type':
      return `expected ${typeInWords(issue.expected)}`;
    case 'invalid_value':
      return `expected ${issue.values.map((one) => JSON.stringify(one)).join(' or ')}`;
    case 'too_small':
      return bound(issue.origin, issue.minimum, issue.inclusive === false ? 'above' : 'of at least');
    case 'too_big':
      return bound(issue.origin, issue.maximum, issue.inclusive === false ? 'below' : 'of at most');
    case 'invalid_key':
      return issue.issues.map(expectation).join(', ');
    case 'invalid_union': {
      // Of a union by one key, whose value is none of those that there are.
      if (issue.errors.length === 0) return zodsExpectation(issue.message);
      const choices = issue.errors.flatMap(([first]) => (first === undefined ? [] : [expectation(first)]));
      return `expected ${[...new Set(choices)].map((text) => text.replace(/^expected /, '')).join(' or ')}`;
    }
    default:
      return zodsExpectation(issue.message);
  }
}

/** zod's message without its heading and without what it says of the value, which is told better. */
function zodsExpectation(message: string): string {
  return message
    .replace(/^(?:Invalid input|Invalid option|Too small|Too big): /, '')
    .replace(/, received .*$/, '');
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'a whole number',
  never: 'nothing',
  null: 'null',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
  undefined: 'nothing',
};

function typeInWords(type: string): string {
  return TYPES[type] ?? type;
}

/** A number itself is bounded; of all else how much there is in it. */
function bound(origin: string, limit: number | bigint, relation: string): string {
  const things = `${relation} ${limit}`;
  if (origin === 'string') return `expected a string ${things} character${limit === 1 ? '' : 's'}`;
  if (origin === 'array' || origin === 'set') return `expected an array ${things}`;
  return `expected a ${origin === 'int' ? 'whole ' : ''}number ${things}`;
}

function quoted(names: readonly string[], separator: string): string {
  return names.map((name) => `"${name}"`).join(separator);
}

function foundAt(content: unknown, path: readonly PropertyKey[]): string {
  let value = content;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return 'nothing';
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return describeInput(value);
}
