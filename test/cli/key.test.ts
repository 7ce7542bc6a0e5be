import { expect, test } from 'vitest';
import { z } from 'zod';
import { ApiKeySchema, KeyRing } from '../../src/callers/api-keys.js';
import { keyCommand } from '../../src/cli/key.js';
import { Collector } from '../support/collector.js';

async function run(...args: string[]): Promise<string> {
  const [stdout, stderr] = [new Collector(), new Collector()];
  await keyCommand({ streams: { stdout, stderr } }).parseAsync(['new', ...args], { from: 'user' });
  return stdout.text;
}

test('`key new` prints a key that its entry knows, another one each time', async () => {
  const args = [
    '--id',
    'cell-7',
    '--permissions',
    'predict, read',
    '--expires',
    '2027-01-31T00:00:00Z',
    '--json',
  ];
  const MadeSchema = z.strictObject({ key: z.string(), entry: ApiKeySchema });
  const made = MadeSchema.parse(JSON.parse(await run(...args)));
  expect(new KeyRing([made.entry]).find(made.key)).toMatchObject({
    id: 'cell-7',
    permissions: ['predict', 'read'],
  });
  expect(MadeSchema.parse(JSON.parse(await run(...args))).key).not.toBe(made.key);
});

test('`key new` for people says which of the two lines is the secret', async () => {
  expect(await run('--id', 'cell-7', '--permissions', 'predict')).toMatch(
    /shown only this once:\n {2}dg_[\w-]{43}\n[^\n]*API_KEYS_FILE:\n {2}\{"id":"cell-7"/,
  );
});
