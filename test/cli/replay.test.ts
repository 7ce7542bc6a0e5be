import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ReplayCommandOptions, replayCommand } from '../../src/cli/replay.js';
import { scoreCommand } from '../../src/cli/score.js';
import { Fault } from '../../src/errors.js';
import { UNSCORABLE, WHY_UNSCORABLE } from '../../src/lots/unscorable.js';
import { type Cruelty, detailOf, startHostileServer } from '../replay/hostile-server.js';
import { fastClock, type LotPart, lotRecords, writeLot } from '../replay/support.js';
import { fileOf, pir, ptr } from '../stdf/support.js';
import { Collector } from '../support/collector.js';
import { fillRepository, sumVersion, temporaryFolder } from '../support/models.js';
import { WORKER } from '../support/pool.js';
import { appForSuite, startApp } from '../support/start-app.js';
import { runCommand } from './support.js';

const LOT2 = fileURLToPath(new URL('../../../shared/data/lot2.stdf.gz', import.meta.url));
if (!existsSync(LOT2)) process.stdout.write(`skipped: the real lot, ${LOT2} is not there\n`);

const parametersOf = (tests: readonly number[]) =>
  tests.map((testNumber) => ({ name: `test ${testNumber}`, testName: '', testNumber }));

/** A model that fails a die when the magnitudes of its tests add up to more than `threshold`. */
function versionOf(name: string, tests: readonly number[], threshold = 10, missing?: 'impute') {
  const input = { name: 'test_params', parameters: parametersOf(tests), ...(missing ? { missing } : {}) };
  return sumVersion(tests.length, { name, input, threshold });
}

const MAP = '<a wafer map>';

/** Runs the command as a shell would. */
async function run(args: readonly string[], options: Partial<ReplayCommandOptions> = {}) {
  const [stdout, stderr] = [new Collector(), Object.assign(new Collector(), { isTTY: true })];
  let exitCode: number | undefined;
  const command = replayCommand({
    environment: {},
    streams: { stdout, stderr },
    drawWafer: () => MAP,
    onInterrupt: () => () => {},
    setExitCode: (code) => {
      exitCode = code;
    },
    ...options,
  });
  await command.parseAsync([...args], { from: 'user' });
  return { exitCode, out: stdout.text, progress: stderr.text };
}

async function problemsOf(args: readonly string[], options?: Partial<ReplayCommandOptions>) {
  const error: unknown = await run(args, options).then(
    () => 'nothing was thrown',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw error;
  return error.problems;
}

const SummarySchema = z.looseObject({
  parts: z.number(),
  posted: z.number(),
  not_posted: z.record(z.string(), z.number()),
  answered: z.number(),
  refused: z.number(),
  given_up: z.number(),
  interrupted: z.number(),
  reconciled: z.boolean(),
  ending: z.string(),
  failed: z.number(),
  disagreement: z.looseObject({ dies: z.number(), compared: z.number() }),
  answered_by: z.record(z.string(), z.number()),
  retries: z.record(z.string(), z.number()),
  latency_ms: z.record(z.string(), z.number()).nullable(),
});

async function runJson(args: readonly string[], options?: Partial<ReplayCommandOptions>) {
  const { out, exitCode } = await run([...args, '--json'], options);
  return { exitCode, summary: SummarySchema.parse(JSON.parse(out)) };
}

/** Dies 3 and 7 fail by the model, 7 and 8 by the tester; 5 has no results, 6 lacks a test. */
const LOT: readonly LotPart[] = Array.from({ length: 12 }, (_, i) => ({
  values: i === 5 ? {} : i === 6 ? { 1000: 1 } : { 1000: 1, 1010: i === 3 || i === 7 ? -20 : 2 },
  bin: i === 7 || i === 8 ? 4 : 1,
}));

describe('diegate replay against a diegate', () => {
  const app = appForSuite(() => ({
    versions: [
      versionOf('reject', [1000, 1010]),
      versionOf('impute', [1000, 1010], 10, 'impute'),
      versionOf('elsewhere', [77, 78]),
      sumVersion(4, { name: 'nameless' }),
    ],
  }));
  const url = () => app().url;

  it('posts every die that can be posted, and says what came of it', async () => {
    const lot = await writeLot(LOT);
    const { out, exitCode, progress } = await run([lot, '--url', url()]);
    const steady = out
      .replace(lot, 'tiny.stdf')
      .replace(/\d+(?:\.\d+)? ms/g, 'n ms')
      .replace(/throughput .*/, 'throughput n');
    expect(steady).toMatchInlineSnapshot(`
      "tiny.stdf: lot LOT-1, wafer W1
        asked      reject version 1, threshold 10
        parts      12 = 10 posted + 2 not posted
          1 not posted: no parametric results for the model's tests
          1 not posted: missing values, which the model does not accept
        posted     10 = 10 answered
        the counts reconcile: every part once, every posted die settled once
        latency    p50 n ms, p90 n ms, p99 n ms, max n ms (of the answers)
        throughput n
        retries    0
        fail rate  20.0% (2 of 10)
        disagreement with the file's bins: 20.0% (2 of 10)
          model \\ file      pass    fail
          pass                 7       1
          fail                 1       1

      <a wafer map>
      "
    `);
    expect(exitCode).toBe(0);
    expect(progress).toMatch(/parts read, \d+ dies answered/);
    expect(progress.endsWith('\r\u001b[K'), 'the progress line is taken away').toBe(true);
  });

  it('tells machines the same', async () => {
    const { summary, exitCode } = await runJson([await writeLot(LOT), '--url', url()]);
    expect(summary).toMatchObject({
      parts: 12,
      not_posted: { no_results: 1, missing_values: 1, not_ended: 0 },
      posted: 10,
      answered: 10,
      reconciled: true,
      ending: 'complete',
      failed: 2,
      fail_rate: 0.2,
      disagreement: {
        dies: 2,
        compared: 10,
        table: { pass: { pass: 7, fail: 1, none: 0 }, fail: { pass: 1, fail: 1, none: 0 } },
      },
      answered_by: { 'reject/1': 10 },
      retries: {},
      tests_never_measured: [],
      damage: [],
    });
    expect(exitCode).toBe(0);
  });

  it('posts missing values as null to a model that takes them', async () => {
    const args = [await writeLot(LOT), '--url', url(), '--model', 'impute/1'];
    const { summary, exitCode } = await runJson(args);
    expect(summary).toMatchObject({ posted: 11, not_posted: { no_results: 1, missing_values: 0 } });
    // This model adds them up without filling them in, so it has no score for the die: the server's word.
    expect(summary).toMatchObject({
      answered: 10,
      refused: 1,
      answered_by: { 'impute/1': 10 },
      unanswered: [{ die_id: 'W1_x1y1_n6', outcome: 'refused', cause: '422 unscorable_die' }],
    });
    expect(exitCode).toBe(2);
  });

  it('posts touchdowns, and one die that the model cannot score takes no other with it', async () => {
    const args = [await writeLot(LOT), '--url', url(), '--model', 'impute', '--touchdown', '4'];
    const { summary } = await runJson(args);
    expect(summary).toMatchObject({ posted: 11, answered: 10, refused: 1, failed: 2, reconciled: true });
  });

  it.each([
    ['reject', undefined, ['no_results', 'missing_values']],
    ['impute', 'impute' as const, ['no_results']],
  ])(
    'leaves out what score leaves out, in the same words, of a model that says %s',
    async (name, missing, reasons) => {
      // One more part, with a result, but of none of the model's tests.
      const lot = await writeLot([...LOT, { values: { 77: 1 } }]);
      const folder = await temporaryFolder();
      const version = versionOf(name, [1000, 1010], 10, missing);
      await fillRepository(folder, [version]);
      const score = (more: readonly string[]) =>
        runCommand(
          (streams) => scoreCommand({ streams, workerEntry: WORKER }),
          [lot, '--model', join(folder, name, version.manifest.version), ...more],
        );
      const { notScored } = JSON.parse((await score(['--json'])).out).lots[0].parts;
      const { summary } = await runJson([lot, '--url', url(), '--model', name]);
      const [ofScore, ofReplay] = [await score([]), await run([lot, '--url', url(), '--model', name])];
      for (const reason of UNSCORABLE) {
        const count = reasons.includes(reason) ? (reason === 'no_results' ? 2 : 1) : 0;
        expect([notScored[reason] ?? 0, summary.not_posted[reason]], reason).toEqual([count, count]);
        const words = WHY_UNSCORABLE[reason];
        expect(ofScore.out.includes(`${count} not scored: ${words}`), reason).toBe(count > 0);
        expect(ofReplay.out.includes(`${count} not posted: ${words}`), reason).toBe(count > 0);
      }
    },
  );

  it('writes a page with the wafer and the tests behind each score', async () => {
    const page = join(await temporaryFolder(), 'report.html');
    await run([await writeLot(LOT), '--url', url(), '--report', page]);
    const html = await readFile(page, 'utf8');
    expect(html).toContain('lot LOT-1, wafer W1');
    expect(html).toContain('1010 test 1010');
    expect(await problemsOf([await writeLot(LOT), '--url', url(), '--report', '/nowhere/x.html'])).toEqual([
      expect.stringMatching(/^--report: .*ENOENT/),
    ]);
  });

  it('says which tests of the model are not in the lot', async () => {
    const lot = await writeLot(LOT);
    expect(await problemsOf([lot, '--url', url(), '--model', 'elsewhere'])).toEqual([
      `${lot}: none of its 12 parts has the values that elsewhere version 1 reads (11 with results)`,
      `${lot}: test 77 (test 77) of elsewhere version 1 is not in the lot`,
      `${lot}: test 78 (test 78) of elsewhere version 1 is not in the lot`,
    ]);
    expect(await problemsOf([lot, '--url', url(), '--model', 'nameless'])).toEqual([
      expect.stringContaining('4 parameters of the model have no testNumber'),
    ]);
  });

  it('says what is wrong with the lot, after everything in it that can be posted', async () => {
    const cut = join(await temporaryFolder(), 'cut.stdf');
    const records = lotRecords(LOT).slice(0, -2);
    await writeFile(cut, fileOf([...records, pir(1, 0), ptr(1000, 1)]).subarray(0, -3));
    const { out, exitCode } = await run([cut, '--url', url()]);
    expect(out).toContain('10 answered');
    expect(out).toContain('1 not posted: no PRR: the part never ended');
    expect(out).toContain('the counts reconcile');
    expect(out).toContain('file: truncated_tail');
    expect(exitCode).toBe(0);
  });

  it.each([
    ['an empty file', '', 'the file is empty'],
    ['a text file', 'PART,BIN\n1,1\n', 'not an STDF file'],
  ])('refuses %s', async (_, content, reason) => {
    const file = join(await temporaryFolder(), 'lot.stdf');
    await writeFile(file, content);
    expect(await problemsOf([file, '--url', url()])).toEqual([expect.stringContaining(reason)]);
    expect((await problemsOf([file, '--url', url()]))[0]).toContain(file);
  });

  it.each([
    [['--url', 'ftp://x'], '--url: found "ftp://x"'],
    [['--url', 'http://user:secret@x'], '--url: found'],
    [['--url', 'http://x', '--rate', 'fast', '--touchdown', '0'], '--rate: found "fast"'],
    [['--url', 'http://x', '--model', 'a/b/c'], '--model: found "a/b/c"'],
    [['--url', 'http://x', '--model', 'a/latest'], '--model: found "a/latest"'],
    [['--url', 'http://x', '--api-key-file', '/nowhere'], '--api-key-file: ENOENT'],
    [['--url', 'http://127.0.0.1:1'], 'GET /models: connect ECONNREFUSED'],
  ])('refuses %j', async (args, reason) => {
    expect((await problemsOf(['lot.stdf', ...args]))[0]).toContain(reason);
  });

  it('names a model or a lot that is not there', async () => {
    expect(await problemsOf(['x.stdf', '--url', url(), '--model', 'none'])).toEqual([
      expect.stringContaining('404 model_not_found'),
    ]);
    expect(await problemsOf(['x.stdf', '--url', url()])).toEqual([
      expect.stringContaining('x.stdf cannot be read: ENOENT'),
    ]);
  });
});

it('sends the key from a file, else from the environment, and never shows it', async () => {
  const folder = await temporaryFolder();
  const [keys, key] = [join(folder, 'keys.json'), join(folder, 'key.txt')];
  const sha256 = createHash('sha256').update('open-sesame').digest('hex');
  await writeFile(keys, JSON.stringify({ keys: [{ id: 'cell', sha256, permissions: ['read', 'predict'] }] }));
  await writeFile(key, 'open-sesame\n');
  const { url } = await startApp({
    versions: [versionOf('reject', [1000])],
    environment: { API_KEYS_FILE: keys },
  });
  const args = [await writeLot([{ values: { 1000: 1 } }]), '--url', url];
  expect(await problemsOf(args)).toEqual([expect.stringContaining('401 unauthorized')]);
  const byFile = await run([...args, '--api-key-file', key]);
  const byEnvironment = await run(args, { environment: { DIEGATE_API_KEY: 'open-sesame' } });
  expect([byFile.exitCode, byEnvironment.exitCode]).toEqual([0, 0]);
  const twoLines = { environment: { DIEGATE_API_KEY: 'open\nsesame' } };
  expect(await problemsOf(args, twoLines)).toEqual([
    'DIEGATE_API_KEY: expected one line of visible ASCII, the API key',
  ]);
});

describe('diegate replay against a hostile server', () => {
  const lotOf = (dies: number): LotPart[] =>
    Array.from({ length: dies }, (_, i) => ({ values: { 1000: i / 100 } }));
  const cruelty = fc.oneof(
    { weight: 4, arbitrary: fc.constant<Cruelty>({ kind: 'answer' }) },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Cruelty>(
        { kind: 'status', status: 503, retryAfter: '1' },
        { kind: 'status', status: 429, retryAfter: '2' },
        { kind: 'status', status: 503 },
        { kind: 'status', status: 504 },
        { kind: 'status', status: 502 },
        { kind: 'dropped_unread' },
        { kind: 'dropped_within' },
        { kind: 'answered_then_dropped' },
        { kind: 'garbage' },
        { kind: 'slow', ms: 2 },
        { kind: 'slow', ms: 200 },
      ),
    },
  );

  it.each([
    ['alone', []],
    ['in touchdowns', ['--touchdown', '4']],
  ])('ends every die exactly once, dies %s', async (_, more) => {
    const lot = await writeLot(lotOf(30));
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(cruelty), async (stream) => {
        const server = await startHostileServer(detailOf([1000]), () => stream.next().value);
        // A hundred times too fast: a time-out of 5 s is 50 ms, a retry-after of 1 s is 10 ms.
        const clock = fastClock(100);
        const args = [lot, '--url', server.url, '--timeout', '5000', '--patience', '9999', ...more];
        const { summary, exitCode } = await runJson(args, { clock });
        expect(summary).toMatchObject({ parts: 30, posted: 30, answered: 30, reconciled: true });
        expect(exitCode).toBe(0);
        expect(server.predicted.size).toBe(30);
        const retries = Object.values(summary.retries).reduce((sum, count) => sum + count, 0);
        const calls = new Map(server.posts.map((ids) => [ids.join(), ids]));
        expect(calls.size + retries).toBeGreaterThanOrEqual(server.posts.length);
        // A die is always posted with the same others, in the same order.
        expect([...calls.values()].flat()).toHaveLength(30);
      }),
      { numRuns: 4 },
    );
  });

  it('posts touchdowns of the size asked for, the last one smaller', async () => {
    const server = await startHostileServer(detailOf([1000]), () => ({ kind: 'answer' }));
    await run([await writeLot(lotOf(10)), '--url', server.url, '--touchdown', '4']);
    expect(server.posts.map((ids) => ids.length)).toEqual([4, 4, 2]);
  });

  it('records what is refused, does not post it again, and ends with 2', async () => {
    const refusals = [422, 404, 413].values();
    const server = await startHostileServer(detailOf([1000]), () => {
      const { value } = refusals.next();
      return value === undefined ? { kind: 'answer' } : { kind: 'status', status: value };
    });
    const args = [await writeLot(lotOf(5)), '--url', server.url, '--in-flight', '1'];
    const { out, exitCode } = await run(args);
    expect(out).toContain('posted     5 = 2 answered + 3 refused');
    expect(out).toContain('the counts reconcile');
    expect(out).toContain('W1_x0y0_n0: refused, 422: status 422');
    expect(exitCode).toBe(2);
    expect(server.posts).toHaveLength(5);
  });

  it('gives up after its patience, and ends with 2', async () => {
    const server = await startHostileServer(detailOf([1000]), () => ({ kind: 'dropped_unread' }));
    const args = [await writeLot(lotOf(3)), '--url', server.url, '--patience', '2'];
    const { summary, exitCode } = await runJson(args, { clock: fastClock(100) });
    expect(summary).toMatchObject({ posted: 3, given_up: 3, answered: 0, reconciled: true });
    expect(exitCode).toBe(2);
  });

  it('ends at Ctrl-C with the summary so far; at a second one without the answers under way', async () => {
    let interrupt: () => void = () => {};
    let posts = 0;
    const server = await startHostileServer(detailOf([1000]), () => {
      if (++posts < 8) return { kind: 'answer' };
      interrupt();
      interrupt();
      return { kind: 'slow', ms: 20_000 };
    });
    const args = [await writeLot(lotOf(30)), '--url', server.url, '--in-flight', '1'];
    const { out, exitCode } = await run(args, {
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {};
      },
    });
    expect(out).toContain('interrupted: this is what was done until then');
    expect(out).toContain('posted     8 = 7 answered + 1 interrupted');
    expect(out).toContain('the counts reconcile');
    expect(out).toContain(MAP);
    expect(exitCode).toBe(130);
  });
});

describe.skipIf(!existsSync(LOT2))('diegate replay of a real lot', () => {
  const TESTS = [1000, 1010, 1020, 1030, 1040];
  const app = appForSuite(() => ({ versions: [versionOf('some-tests', TESTS, 1e9)] }));

  it.each([
    ['alone', []],
    ['in touchdowns', ['--touchdown', '16', '--in-flight', '2']],
  ])('posts each measured part once, dies %s', async (_, more) => {
    const { summary, exitCode } = await runJson([LOT2, '--url', app().url, ...more]);
    expect(summary).toMatchObject({
      lot_id: 'GAL-LOT',
      wafer_ids: ['GAL-LOT-02'],
      parts: 1569,
      not_posted: { no_results: 785, missing_values: 8, not_ended: 0 },
      posted: 776,
      answered: 776,
      refused: 0,
      reconciled: true,
      ending: 'complete',
    });
    expect(exitCode).toBe(0);
  });
});
