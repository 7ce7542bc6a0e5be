import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashKey, KeyRing, readApiKeys } from '../../src/callers/api-keys.js';
import { newApiKey } from '../../src/callers/new-key.js';
import { Fault } from '../../src/errors.js';
import { temporaryFolder } from '../support/models.js';

const zeros = (bytes: number) => Buffer.alloc(bytes);
const entry = (id: string, key: string, more: Record<string, unknown> = {}) => ({
  id,
  sha256: hashKey(key).toString('hex'),
  permissions: ['predict'],
  ...more,
});

/** The problems of a key file of this content. */
async function problemsOf(content: unknown): Promise<readonly string[]> {
  const file = join(await temporaryFolder(), 'keys.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  const error: unknown = await readApiKeys(file).then(
    () => expect.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Fault) return error.problems.map((line) => line.replace(file, 'FILE'));
  throw error;
}

describe('the file of API keys', () => {
  test.each([
    ['no keys', { keys: [] }, 'API_KEYS_FILE: FILE: keys: expected at least one key'],
    [
      'an id that would confuse a log',
      { keys: [entry('cell 7', 'a')] },
      'API_KEYS_FILE: FILE: keys.0.id: expected 1 to 64 letters, digits, dots, hyphens or underscores',
    ],
    [
      'two keys of one id',
      { keys: [entry('a', 'a'), entry('a', 'b')] },
      'API_KEYS_FILE: FILE: keys.1.id: is that of key 0 too',
    ],
    [
      'one key twice',
      { keys: [entry('a', 'a'), entry('b', 'a')] },
      'API_KEYS_FILE: FILE: keys.1.sha256: is that of key 0 too',
    ],
    [
      'an expiry that is no time',
      { keys: [entry('a', 'a', { expires: 'tomorrow' })] },
      'API_KEYS_FILE: FILE: keys.0.expires: expected an ISO 8601 time such as 2027-01-31T00:00:00Z',
    ],
    [
      'too many keys for a request',
      { keys: Array.from({ length: 1001 }, (_, i) => entry(`k${i}`, `k${i}`)) },
      'API_KEYS_FILE: FILE: keys: expected at most 1000 keys',
    ],
  ])('with %s is refused', async (_, content, problem) => {
    expect(await problemsOf(content)).toEqual([problem]);
  });

  test('that is no JSON is refused without a word of its content', async () => {
    const [problem] = await problemsOf('{"keys":[{"key":"not-so-secret"');
    expect(problem).toBe('API_KEYS_FILE: FILE cannot be read as JSON: it is not JSON');
  });

  test('that holds a key itself is refused', async () => {
    expect((await problemsOf({ keys: [{ ...entry('a', 'a'), key: 'secret' }] })).join()).not.toContain(
      'secret',
    );
  });
});

describe('a ring of keys', () => {
  const expires = '2027-01-01T00:00:00Z';
  const ring = new KeyRing([
    { ...entry('a', 'key-a'), permissions: ['predict'] },
    { ...entry('b', 'key-b'), permissions: ['admin'], expires },
  ]);

  test('finds the holder of a key, and nobody by a hash or by another text', () => {
    expect(ring.find('key-a')).toMatchObject({ id: 'a', permissions: ['predict'] });
    for (const wrong of ['', 'key-', 'key-aa', 'KEY-A', hashKey('key-a').toString('hex')]) {
      expect(ring.find(wrong), wrong).toBeUndefined();
    }
  });

  test('grants what a key grants until it expires', () => {
    expect(ring.grants('admin', Date.parse(expires) - 1)).toBe(true);
    expect(ring.grants('admin', Date.parse(expires))).toBe(false);
    expect(ring.grants('read', 0)).toBe(false);
  });
});

test('a new key is 256 random bits, and its entry opens the door for it', () => {
  const asked: number[] = [];
  const made = newApiKey({ id: 'cell-7', permissions: ['predict'], expires: undefined }, (bytes) => {
    asked.push(bytes);
    return Buffer.alloc(bytes, 7);
  });
  expect(asked).toEqual([32]);
  expect(new KeyRing([made.entry]).find(made.key)?.id).toBe('cell-7');
  expect(JSON.stringify(made.entry)).not.toContain(made.key.slice(3));
});

test('a new key with a wrong id, permission or expiry names each of them', () => {
  const wrong = { id: 'a b', permissions: ['root'], expires: 'soon' };
  expect(() => newApiKey(wrong, zeros)).toThrow(/--id: [\s\S]*--permissions: [\s\S]*--expires: /);
});
