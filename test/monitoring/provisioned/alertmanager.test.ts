import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isHere } from '../../support/tools.js';

const FILE = fileURLToPath(new URL('../../../monitoring/alertmanager/alertmanager.yml', import.meta.url));

describe.skipIf(!isHere('amtool'))('amtool', () => {
  const amtool = (...args: string[]) =>
    execFileSync('amtool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  test('accepts the configuration', () => {
    expect(amtool('check-config', FILE)).toContain('3 receivers');
  });

  test.each(['critical', 'warning', 'info'])(
    'an alert of severity %s goes to the receiver of that name',
    (severity) => {
      const alert = ['alertname=DiegateDown', `severity=${severity}`];
      expect(amtool('config', 'routes', 'test', `--config.file=${FILE}`, ...alert).trim()).toBe(severity);
    },
  );

  test('an alert of no severity is looked at as a warning is', () => {
    expect(amtool('config', 'routes', 'test', `--config.file=${FILE}`, 'alertname=Other').trim()).toBe(
      'warning',
    );
  });
});

test('holds no secret, only files of them', () => {
  const text = readFileSync(FILE, 'utf8');
  expect(text.match(/(password|credentials|token|routing_key|api_url)[a-z_]*:/g)?.sort()).toEqual([
    'credentials_file:',
    'credentials_file:',
    'password_file:',
  ]);
});
