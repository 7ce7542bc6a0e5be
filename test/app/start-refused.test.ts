import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { manifestOf, sumVersion, temporaryFolder, writeRepository } from '../support/models.js';
import { linesOf, ServerProcess } from '../support/server-process.js';

/**
 * The problems that a start is refused with; checks that nothing else is said but, of a version that
 * cannot be read or loaded, the same in the log, and that the exit code is 1.
 */
async function problemsOf(environment: Record<string, string>): Promise<string[]> {
  const { code, stdout, stderr } = await new ServerProcess(environment).ended;
  expect(code).toBe(1);
  const errors = linesOf(stdout).filter(
    (line) => !line.includes('"level":"info"') && !/"msg":"a model version cannot be \w+"/.test(line),
  );
  expect(errors).toEqual([]);
  const lines = linesOf(stderr);
  for (const line of lines) expect(line).toMatch(/^diegate: /);
  return lines.map((line) => line.slice('diegate: '.length));
}

describe('a bad configuration', () => {
  test('is one line for each variable, and nothing else', async () => {
    const server = new ServerProcess({
      PORT: '80000',
      LOG_LEVEL: 'loud',
      LOG_PREDICTIONS: 'all',
      INFERENCE_WORKERS: '0',
    });
    const { code, stdout, stderr } = await server.ended;
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(linesOf(stderr)).toEqual([
      'diegate: PORT: expected a whole number from 0 to 65535, found 80000',
      'diegate: INFERENCE_WORKERS: expected a whole number from 1 to 64, found 0',
      'diegate: LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, found "loud"',
      'diegate: LOG_PREDICTIONS: expected a number from 0 to 1, found "all"',
    ]);
  });

  test.each([
    ['is not there', undefined, 'cannot be read as JSON'],
    ['is not JSON', '{', 'cannot be read as JSON'],
    [
      'holds a key and not its hash',
      '{"keys":[{"id":"a","sha256":"secret","permissions":["predict"]}]}',
      'keys.0.sha256',
    ],
    ['holds no key', '{"keys":[]}', 'keys'],
  ])('a file of keys that %s is one line', async (_, content, reason) => {
    const file = join(await temporaryFolder(), 'keys.json');
    if (content !== undefined) await writeFile(file, content);
    const MODEL_REPOSITORY = await writeRepository([sumVersion(4)]);
    const [problem, ...more] = await problemsOf({ MODEL_REPOSITORY, API_KEYS_FILE: file });
    expect(problem).toContain(`API_KEYS_FILE: ${file}`);
    expect(problem).toContain(reason);
    expect(more).toEqual([]);
  });
});

describe('a bad model', () => {
  test('bytes that are no ONNX model are one line that names the version', async () => {
    const onnx = new Uint8Array(1000).fill(7);
    const MODEL_REPOSITORY = await writeRepository([
      { onnx, manifest: manifestOf(onnx, 4, { name: 'broken' }) },
    ]);
    const [problem, ...more] = await problemsOf({ MODEL_REPOSITORY });
    expect(problem).toMatch(/^model broken\/1: model\.onnx is no ONNX model: /);
    expect(more).toEqual([]);
  });

  test('a model.onnx that is not the one of its manifest is one line with both sums', async () => {
    const version = sumVersion(4);
    const MODEL_REPOSITORY = await writeRepository([
      { ...version, manifest: { ...version.manifest, sha256: 'a'.repeat(64) } },
    ]);
    expect(await problemsOf({ MODEL_REPOSITORY })).toEqual([
      `model sum/1: model.onnx has sha256 ${version.manifest.sha256}, manifest.json says ${'a'.repeat(64)}`,
    ]);
  });

  test('a manifest that says another number of parameters than the graph is one line with both', async () => {
    const { onnx } = sumVersion(4);
    const MODEL_REPOSITORY = await writeRepository([
      { onnx, manifest: manifestOf(onnx, 5, { name: 'sum' }) },
    ]);
    const [problem, ...more] = await problemsOf({ MODEL_REPOSITORY });
    expect(problem).toMatch(/^model sum\/1: .*\b4\b.*\b5\b/);
    expect(more).toEqual([]);
  });

  test('two bad versions are one line each', async () => {
    const bad = (name: string) => {
      const version = sumVersion(4, { name });
      return { ...version, manifest: { ...version.manifest, sha256: 'a'.repeat(64) } };
    };
    const problems = await problemsOf({ MODEL_REPOSITORY: await writeRepository([bad('one'), bad('two')]) });
    expect(problems.map((problem) => problem.split(':', 1)[0])).toEqual(['model one/1', 'model two/1']);
  });

  test('a repository that is not there, or empty, is named', async () => {
    const empty = await temporaryFolder();
    const nowhere = join(empty, 'nowhere');
    expect(await problemsOf({ MODEL_REPOSITORY: nowhere })).toEqual([expect.stringContaining(nowhere)]);
    const [problem] = await problemsOf({ MODEL_REPOSITORY: empty });
    expect(problem).toContain(empty);
  });
});

test('a command that does not exist is refused with one line and exit code 1', async () => {
  const { code, stdout, stderr } = await new ServerProcess({}, { args: ['fly'] }).ended;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(linesOf(stderr)).toHaveLength(1);
});
