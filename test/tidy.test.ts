import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  // The kernel is AssemblyScript, and the messages are generated.
  .filter((file) => file.endsWith('.ts') && !file.includes('/kernel/') && !file.endsWith('-messages.ts'))
  .map((file) => ({ file, code: readFileSync(join(ROOT, 'src', file), 'utf8') }));

/** What files declare and export, by name; a type and the value it is made of count once, as one file has both. */
function declarations(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const declared = /^export (?:abstract |async )?(?:type|interface|class|function\*?|const) (\w+)/gm;
  for (const { file, code } of sources)
    for (const [, name = ''] of code.matchAll(declared))
      found.set(name, (found.get(name) ?? new Set()).add(file));
  return found;
}

test('no exported name means two things', () => {
  const names = declarations();
  expect(names.size).toBeGreaterThan(500);
  const twice = [...names].filter(([, files]) => files.size > 1);
  expect(twice.map(([name, files]) => `${name}: ${[...files].join(', ')}`)).toEqual([]);
});

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The anchor of a heading, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

describe('links of pages lead to what is there', () => {
  test.each(pages)('%s', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```.*?^```/gms, '');
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
        if (!existsSync(target)) return true;
        if (anchor === undefined || !target.endsWith('.md')) return false;
        const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.+)$/gm)];
        return !headings.some(([, heading = '']) => anchorOf(heading) === anchor);
      });
    expect(broken).toEqual([]);
  });
});

test('the changelog is in the form of Keep a Changelog', () => {
  const lines = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').split('\n');
  expect(lines[0]).toBe('# Changelog');
  const releases = lines.filter((line) => line.startsWith('## '));
  expect(releases[0]).toBe('## [Unreleased]');
  for (const release of releases.slice(1))
    expect(release).toMatch(/^## \[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}$/);
  const kinds = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
  const sections = lines.filter((line) => line.startsWith('### ')).map((line) => line.slice(4));
  expect(sections.filter((section) => !kinds.includes(section))).toEqual([]);
});
