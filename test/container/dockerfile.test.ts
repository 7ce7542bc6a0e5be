import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { HEALTH_TIMEOUT_MS } from '../../src/server/health.js';
import { linesOf } from '../support/server-process.js';

const ROOT = new URL('../../', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, ROOT), 'utf8');
const PackageSchema = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  scripts: z.object({ start: z.string() }),
});
const packageJson = PackageSchema.parse(JSON.parse(textOf('package.json')));

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of the Dockerfile, each on one line; comments are left out. */
const instructions: readonly Instruction[] = linesOf(
  textOf('Dockerfile').replace(/^#.*$/gm, '').replace(/\\\n/g, ' '),
).map((line) => {
  const [name = '', ...words] = line.trim().split(/\s+/);
  return { name, rest: words.join(' ') };
});
const lastFrom = instructions.findLastIndex(({ name }) => name === 'FROM');
/** What becomes the image; everything before is left behind. */
const image = instructions.slice(lastFrom);

const all = (name: string, from = instructions) =>
  from.filter((each) => each.name === name).map(({ rest }) => rest);

function only(name: string, from = image): string {
  const found = all(name, from);
  expect(found, name).toHaveLength(1);
  return found[0] ?? '';
}

const Words = z.array(z.string()).min(1);
/** The words of an instruction in its exec form, which asks for no shell. */
const wordsOf = (text: string) => Words.parse(JSON.parse(text));

describe('the base of the image', () => {
  const base = only('ARG', instructions.slice(0, 1));

  it('is a Node version to the last digit, on a named Debian', () => {
    expect(base).toMatch(/^NODE_IMAGE=docker\.io\/library\/node:\d+\.\d+\.\d+-bookworm-slim$/);
  });

  it('is the newest Node that CI runs the tests on', () => {
    const tested = /for version in ([\d. ]+);/.exec(textOf('.ci/run'))?.[1]?.trim().split(' ') ?? [];
    expect(/:([\d.]+)-/.exec(base)?.[1]).toBe(tested.at(-1));
  });

  it('is the only one, and the image starts from nothing', () => {
    expect(all('FROM')).toEqual([
      '$NODE_IMAGE AS platform',
      '--platform=$BUILDPLATFORM $NODE_IMAGE AS build',
      'scratch',
    ]);
  });

  it('keeps an ONNX Runtime that the package has, for each platform', () => {
    const kept = [...textOf('Dockerfile').matchAll(/(amd64|arm64)\) keep=(\w+)/g)];
    expect(kept.map((match) => match[1])).toEqual(['amd64', 'arm64']);
    for (const [, , folder = ''] of kept) {
      const library = `node_modules/onnxruntime-node/bin/napi-v6/linux/${folder}/libonnxruntime.so.1`;
      expect(existsSync(new URL(library, ROOT)), library).toBe(true);
    }
  });
});

describe('the image', () => {
  it('runs as a numeric user that is not root', () => {
    expect(only('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('starts Node itself, with no shell and no npm in between, as `npm start` does', () => {
    expect(wordsOf(only('ENTRYPOINT'))).toEqual(['node', '--max-semi-space-size=8', '/app/dist/main.js']);
    expect(packageJson.scripts.start).toContain(' node --max-semi-space-size=8 dist/main.js');
    expect(wordsOf(only('CMD'))).toEqual(['serve']);
    expect(only('STOPSIGNAL')).toBe('SIGTERM');
  });

  it('runs nothing while it is put together, for it has no shell', () => {
    expect(all('RUN', image)).toEqual([]);
  });

  it('is asked for its health without a shell, and waits longer than the question may take', () => {
    const [, timeout, command = ''] =
      /--timeout=(\d+)s.* CMD (\[.*\])$/.exec(only('HEALTHCHECK')) ?? expect.fail('no time-out or no CMD');
    expect(wordsOf(command)).toEqual(['node', '/app/dist/main.js', 'health']);
    expect(Number(timeout) * 1000).toBeGreaterThan(HEALTH_TIMEOUT_MS);
  });

  it('has the models on a volume where the server looks for them', () => {
    expect(only('VOLUME')).toBe('/app/models');
    expect(only('ENV')).toContain('MODEL_REPOSITORY=/app/models');
    expect(all('COPY', image).at(-1)).toBe('--from=build /app/models models');
  });

  it('keeps ONNX Runtime from reporting to its maker', () => {
    expect(only('ENV')).toContain('ORT_DISABLE_TELEMETRY=1');
  });

  it('says what it is: name, description and version of package.json', () => {
    const labels = new Map(
      [...only('LABEL').matchAll(/(\S+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    expect(labels.get('org.opencontainers.image.title')).toBe(packageJson.name);
    expect(labels.get('org.opencontainers.image.version')).toBe(packageJson.version);
    expect(packageJson.description).toContain(labels.get('org.opencontainers.image.description'));
  });
});

describe('no secret gets into the image', () => {
  it('neither as a build argument nor as a setting', () => {
    const named = [...all('ARG'), ...all('ENV')].join(' ');
    expect(named).not.toMatch(/token|secret|password|passwd|credential|api_?key|private/i);
  });

  it('nor with npm’s configuration: the site’s is mounted for one command, the project’s has none', () => {
    const mounts = [...textOf('Dockerfile').matchAll(/--mount=(\S+)/g)].map((match) => match[1]);
    expect(mounts).toEqual([
      'type=secret,id=npmrc,target=/root/.npmrc',
      'type=secret,id=ca,target=/run/secrets/ca',
      'type=bind,from=platform,target=/platform',
    ]);
    expect(textOf('.npmrc')).not.toMatch(/_auth|_password|token|:\/\//i);
    expect(all('COPY', image).filter((copied) => copied.includes('npmrc'))).toEqual([]);
  });

  it('nor from the folder: only what is copied by name is sent to the builder', () => {
    const [first, ...rules] = linesOf(textOf('.dockerignore')).filter((line) => !line.startsWith('#'));
    expect(first).toBe('*');
    const letIn = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    const copied = all('COPY')
      .filter((rest) => !rest.startsWith('--from='))
      .flatMap((rest) => rest.split(' ').slice(0, -1));
    expect(letIn.sort()).toEqual([...new Set(copied)].sort());
  });
});

test.each(['build-image.sh', 'debian-base.sh', 'try-image.sh'])('container/%s is a script of sh', (name) => {
  const file = fileURLToPath(new URL(`container/${name}`, ROOT));
  execFileSync('sh', ['-n', file]);
  expect(textOf(`container/${name}`)).toMatch(/^#!\/bin\/sh\n[\s\S]*^set -eu$/m);
});
