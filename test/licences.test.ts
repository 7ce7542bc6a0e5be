import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

test('every package that is shipped has a licence of the list in scripts/licences.mjs', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/licences.mjs'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^MIT\tfastify@/m);
  expect(stdout, 'development dependencies are not shipped').not.toMatch(/vitest@|assemblyscript@/);
});

const SbomSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  components: z.array(z.object({ name: z.string(), version: z.string(), purl: z.string() })),
});

test('npm run sbom lists what is shipped as CycloneDX', () => {
  const { stdout } = spawnSync('npm', ['run', '--silent', 'sbom'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const { components } = SbomSchema.parse(JSON.parse(stdout));
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['fastify', 'onnxruntime-node', 'zod', 'jose']));
  expect(names).not.toContain('vitest');
  expect(names, 'it only compiles').not.toContain('assemblyscript');
});
