import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeSettings } from '../src/config.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The table of settings as the README must show it. */
function settingsTable(): string {
  const rows = describeSettings().map(
    ({ name, defaultText, meaning }) =>
      `| \`${name}\` | ${defaultText === 'not set' ? '' : `\`${defaultText}\``} | ${meaning} |`,
  );
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

describe('the README', () => {
  it('lists every setting with its default and meaning, as the configuration schema has them', () => {
    const shown = /<!-- settings -->\n([\s\S]*?)\n?<!-- \/settings -->/.exec(readme)?.[1];
    expect(shown).toBe(settingsTable());
  });

  it('links only to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? '');
    for (const link of links.filter((target) => !target.startsWith('http'))) {
      expect(() => readFileSync(new URL(`../${link}`, import.meta.url))).not.toThrow();
    }
  });
});
