import type { z } from 'zod';
import { describeInput } from '../../die/die.js';

/** One line for each problem that a schema has with a file's content: where, what is expected, what was found. */
export function problemLines(content: unknown, issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${wording(content, issue)}`);
}

function wording(content: unknown, issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `unknown ${issue.keys.length > 1 ? 'keys' : 'key'} ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
    case 'custom':
      return issue.message;
    case 'invalid_key':
      return issue.issues.map(({ message }) => expectation(message)).join(', ');
    case 'invalid_union': {
      // Of a union by one key, whose value is none of those that there are.
      if (issue.errors.length === 0)
        return `${expectation(issue.message)}, found ${foundAt(content, issue.path)}`;
      const choices = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first.message]));
      const expected = choices.map((message) => expectation(message).replace(/^expected /, ''));
      return `expected ${expected.join(' or ')}, found ${foundAt(content, issue.path)}`;
    }
    default:
      return `${expectation(issue.message)}, found ${foundAt(content, issue.path)}`;
  }
}

/** zod's message without its heading and without what it says of the value, which is told better below. */
function expectation(message: string): string {
  return message
    .replace(/^(Invalid input|Invalid option|Too small|Too big): /, '')
    .replace(/, received .*$/, '');
}

function foundAt(content: unknown, path: readonly PropertyKey[]): string {
  let value = content;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return 'nothing';
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return describeInput(value);
}
