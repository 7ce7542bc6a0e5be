import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
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

/** An import of a file of src/, test/ or bench/ by another: which of its names, or all of them. */
interface Use {
  readonly from: string;
  readonly to: string;
  readonly names: readonly string[];
  /** By `import()`, or of the whole module: any word of the importer may be a name of it. */
  readonly isWhole: boolean;
}

const everything = ['src', 'test', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs|cjs)$/.test(file) && !file.includes('/kernel/'))
    .map((file) => ({
      file: posix.join(folder, file),
      code: readFileSync(join(ROOT, folder, file), 'utf8'),
    })),
);

const uses = everything.flatMap(({ file, code }): Use[] => {
  const to = (specifier: string) =>
    // Scripts of tests import what was compiled.
    posix
      .join(dirname(file), specifier)
      .replace(/^dist\//, 'src/')
      .replace(/\.js$/, '.ts');
  const statements = code.matchAll(/^(?:import|export)\s+([^;'"]*?)\s*from\s*['"](\.[^'"]+)['"]/gm);
  const atUse = code.matchAll(/import\(\s*['"](\.[^'"]+)['"]\s*\)/g);
  return [
    ...[...statements].map(([, clause = '', specifier = '']) => ({
      from: file,
      to: to(specifier),
      names: (/\{(.*)\}/s.exec(clause)?.[1] ?? '').split(',').map(
        (name) =>
          name
            .trim()
            .replace(/^type /, '')
            .split(' as ')[0] ?? '',
      ),
      isWhole: clause.includes('*'),
    })),
    ...[...atUse].map(([, specifier = '']) => ({
      from: file,
      to: to(specifier),
      names: code.match(/\w+/g) ?? [],
      isWhole: true,
    })),
  ];
});

// Generated, or read by another compiler.
const ownSources = sources.filter(({ file }) => !file.endsWith('-messages.ts'));

test('what is exported is imported by somebody', () => {
  const dead = ownSources.flatMap(({ file, code }) => {
    const used = new Set(uses.filter(({ to }) => to === `src/${file}`).flatMap(({ names }) => names));
    const exported = code.matchAll(
      /^export (?:abstract |async )?(?:type|interface|class|function\*?|const) (\w+)/gm,
    );
    return [...exported].flatMap(([, name = '']) => (used.has(name) ? [] : [`${file}: ${name}`]));
  });
  expect(dead).toEqual([]);
});

test('a file of less than 25 lines is used by more than one other of its folder, or from elsewhere', () => {
  const importersOf = (file: string) =>
    new Set(
      uses
        .filter(({ from, to, isWhole }) => to === `src/${file}` && from.startsWith('src/') && !isWhole)
        .map(({ from }) => from),
    );
  const small = ownSources.filter(({ file, code }) => {
    const [only, ...others] = importersOf(file);
    const isBeside = only !== undefined && dirname(only) === posix.join('src', dirname(file));
    return code.split('\n').length - 1 < 25 && isBeside && others.length === 0;
  });
  expect(small.map(({ file }) => file)).toEqual([]);
});

const MAX_LINES = 350;

test('no file but a test is longer than 350 lines', () => {
  const long = everything.filter(
    ({ file, code }) => !/^test\/|-messages\.ts$/.test(file) && code.split('\n').length - 1 > MAX_LINES,
  );
  expect(long.map(({ file }) => file)).toEqual([]);
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
