import { setMaxListeners } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { Fault } from '../errors.js';
import { ModelNameSchema, VersionSchema } from '../models/manifest/identity-schema.js';
import { processClock, type ReplayClock } from '../replay/clock.js';
import { findTarget, type ModelAddress } from '../replay/contract.js';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../replay/http-client.js';
import { type LotReplay, replayLot } from '../replay/replay-lot.js';
import { htmlReport } from '../wafermap/html-report.js';
import { terminalWaferMap } from '../wafermap/terminal.js';
import type { WaferMap } from '../wafermap/wafer-map.js';
import { lotBytes, namingFile } from './lot-file.js';
import { createOptionReader } from './options.js';
import { type CommandStreams, createProgress, PROCESS_STREAMS } from './output.js';
import { describeProgress, describeReplay, replayAsJson, reportSummary, titleOf } from './replay-summary.js';
import { terminalOf } from './terminal.js';
import { NAMING_HELP, type NamingArguments, readTestNaming } from './test-naming.js';
import { tellingRefusals } from './tests-refused.js';
import { assertWritable } from './writable.js';

const EXAMPLES = `
Examples:
  $ diegate replay lot.stdf.gz --url http://localhost:8000
  $ diegate replay lot.stdf.gz --url http://localhost:8000 --model my-screen/2 --rate 40
  $ diegate replay lot.stdf.gz --url https://gate.fab.example --touchdown 16 --api-key-file key.txt
  $ diegate replay lot.stdf.gz --url http://localhost:8000 --json > replay.json

Each part of the lot is posted when its PRR has been read, its tests found by number and name; a lot whose
tests are named or measured otherwise than the model's is refused (--map, --strip-name). Parts without
results of the model's tests, or without a value that the model needs, are counted and not posted, as by score. A die that is
answered with 429, 503, 504 or not at all is posted again under the same id, after the time that the
server asks for, until --patience ends. Other refusals are recorded. Ctrl-C ends with the summary so
far; a second one does not wait for the answers under way.

The key comes from --api-key-file, else from the environment variable DIEGATE_API_KEY.

A damaged file is replayed as far as it can be read, and the summary says what was damaged.

Exit code 0: every die that could be posted was answered. 1: the options are wrong, the server cannot be
asked, the file cannot be read or is not STDF V4, or none of its parts can be posted. 2: some dies were
refused or given up. 130: interrupted.`;

/** Tests shown with each die of a report. */
const REASONS = 3;

const EXIT_INCOMPLETE = 2;
const EXIT_INTERRUPTED = 130;

/** How a wafer is drawn in a terminal. */
type DrawWafer = (map: WaferMap, options: { readonly columns: number; readonly color: boolean }) => string;

/** What `diegate replay` acts with; the process's own unless a test passes others. */
export interface ReplayCommandOptions {
  /** DIEGATE_API_KEY is read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly streams?: CommandStreams;
  readonly clock?: ReplayClock;
  readonly epochMs?: () => number;
  /** Uniform in [0, 1); spreads retries. */
  readonly random?: () => number;
  readonly connect?: (options: HttpClientOptions) => HttpClient;
  readonly drawWafer?: DrawWafer;
  /** Calls the listener at every Ctrl-C until the returned function is called. */
  readonly onInterrupt?: (listener: () => void) => () => void;
  readonly setExitCode?: (code: number) => void;
}

interface ReplayArguments extends NamingArguments {
  readonly url: string;
  readonly model?: string;
  readonly rate?: string;
  readonly touchdown?: string;
  readonly inFlight: string;
  readonly timeout: string;
  readonly patience: string;
  readonly apiKeyFile?: string;
  readonly report?: string;
  readonly json?: true;
}

/** `diegate replay`. */
export function replayCommand(options: ReplayCommandOptions): Command {
  return new Command('replay')
    .description('act as the tester cell: post the dies of an STDF lot to a server, as fast as it was tested')
    .argument('<lot>', 'STDF V4 file, plain or packed (gzip, bzip2, xz, zstd, zip); - for standard input')
    .requiredOption('--url <url>', 'the server, such as http://localhost:8000')
    .option('--model <name[/version]>', "model to ask (default: the server's)")
    .option('--rate <n>', 'dies a second (default: as fast as answers come)')
    .option('--touchdown <n>', 'post this many dies in one call of /predict/batch (default: each alone)')
    .option('--in-flight <n>', 'most calls under way at a time', '16')
    .option('--timeout <ms>', 'longest wait for one answer, in milliseconds', '10000')
    .option('--patience <s>', 'give a die up when it is not answered within this many seconds', '60')
    .option('--api-key-file <file>', 'file that holds the API key')
    .option('--map <tests.csv>', NAMING_HELP.map)
    .option('--strip-name <regexp>', NAMING_HELP.stripName)
    .option('--report <file.html>', 'wafer maps as a page; also asks for the tests behind each score')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', EXAMPLES)
    .action((lot: string, given: ReplayArguments) => run(lot, given, options));
}

async function run(file: string, given: ReplayArguments, options: ReplayCommandOptions): Promise<void> {
  const { environment, streams = PROCESS_STREAMS, clock = processClock } = options;
  const asked = readArguments(given);
  const apiKey = await readApiKey(given.apiKeyFile, environment);
  const { url, timeoutMs, inFlight: connections } = asked;
  const client = (options.connect ?? createHttpClient)({ url, apiKey, timeoutMs, connections, clock });
  const [stop, abort] = [new AbortController(), new AbortController()];
  // Every call under way listens to both.
  setMaxListeners(0, stop.signal, abort.signal);
  const ignore = (options.onInterrupt ?? onSigint)(() => {
    if (stop.signal.aborted) abort.abort();
    stop.abort();
  });
  const progress = createProgress(streams);
  try {
    await assertWritable({ '--report': given.report }, [file]);
    const target = await findTarget(client, asked.address, stop.signal);
    const naming = await readTestNaming(given, target.detail.contract.strip_name);
    const replaying = replayLot({
      ...asked,
      file,
      bytes: lotBytes(file, () => {}),
      client,
      target,
      naming,
      clock,
      epochMs: options.epochMs ?? Date.now,
      random: options.random ?? Math.random,
      explain: given.report === undefined ? 0 : REASONS,
      stop: stop.signal,
      abort: abort.signal,
      onProgress: (state) => progress.show(describeProgress(state)),
    });
    const named = namingFile(file, replaying);
    const { name, version } = target.detail;
    const model = { key: `${name}/${version}` };
    const done = await (given.json ? tellingRefusals(named, model, streams) : named);
    progress.clear();
    const summary = given.json
      ? `${JSON.stringify(replayAsJson(done))}\n`
      : describeReplay(done) + drawWafers(done, options);
    streams.stdout.write(summary);
    (options.setExitCode ?? setProcessExitCode)(EXIT_CODES[done.ending]);
    if (given.report !== undefined) await writeReport(given.report, done);
  } finally {
    progress.clear();
    ignore();
    client.close();
  }
}

/** Reads what the options ask for; all that is wrong with them is told at once. */
function readArguments(given: ReplayArguments) {
  const read = createOptionReader();
  const { rate, touchdown } = given;
  const numbers = {
    ratePerSecond: rate === undefined ? undefined : read.number('--rate', rate, 0.001, 1_000_000),
    touchdown: touchdown === undefined ? undefined : read.wholeNumber('--touchdown', touchdown, 1, 4096),
    inFlight: read.wholeNumber('--in-flight', given.inFlight, 1, 1024),
    timeoutMs: read.wholeNumber('--timeout', given.timeout, 1, 600_000),
    patienceMs: 1000 * read.number('--patience', given.patience, 0, 86_400),
  };
  read.finish();
  return { ...numbers, url: readUrl(given.url), address: readAddress(given.model) };
}

function readUrl(text: string): URL {
  const parsed = z.url({ protocol: /^https?$/ }).safeParse(text);
  const url = parsed.success ? new URL(parsed.data) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new Fault('invalid_usage', [
      `--url: found "${text}", expected http:// or https:// with a host, without user, password and query`,
    ]);
  }
  return url;
}

function readAddress(text: string | undefined): ModelAddress | undefined {
  if (text === undefined) return undefined;
  const [model, version, ...more] = text.split('/');
  const named = ModelNameSchema.safeParse(model);
  const numbered = VersionSchema.optional().safeParse(version);
  if (!named.success || !numbered.success || more.length > 0) {
    throw new Fault('invalid_usage', [
      `--model: found "${text}", expected a model's name, or name and version such as my-screen/2`,
    ]);
  }
  return { model: named.data, version: numbered.data };
}

async function readApiKey(
  file: string | undefined,
  environment: ReplayCommandOptions['environment'],
): Promise<string | undefined> {
  const key = file === undefined ? environment.DIEGATE_API_KEY : await readKeyFile(file);
  const from = file === undefined ? 'DIEGATE_API_KEY' : `--api-key-file ${file}`;
  const trimmed = key?.trim();
  if (file === undefined && (trimmed === undefined || trimmed === '')) return undefined;
  // Its text must not be in the message.
  if (trimmed === undefined || !/^[\x21-\x7e]{1,4096}$/.test(trimmed)) {
    throw new Fault('invalid_usage', [`${from}: expected one line of visible ASCII, the API key`]);
  }
  return trimmed;
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_usage', [`--api-key-file: ${reason}`], error);
  }
}

async function writeReport(file: string, replay: LotReplay): Promise<void> {
  const page = htmlReport({ title: titleOf(replay), wafers: replay.maps, summary: reportSummary(replay) });
  try {
    await writeFile(file, page);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_usage', [`--report: ${reason}`], error);
  }
}

/** A file is as wide as a page. */
const PAGE = { columns: 100, color: false } as const;

function drawWafers(
  { maps }: LotReplay,
  { streams = PROCESS_STREAMS, drawWafer = terminalWaferMap }: ReplayCommandOptions,
): string {
  const terminal = terminalOf(streams.stdout) ?? PAGE;
  return maps.map((map) => `\n${drawWafer(map, terminal).trimEnd()}\n`).join('');
}

const EXIT_CODES = { complete: 0, incomplete: EXIT_INCOMPLETE, interrupted: EXIT_INTERRUPTED } as const;

function setProcessExitCode(code: number): void {
  process.exitCode = code;
}

function onSigint(listener: () => void): () => void {
  process.on('SIGINT', listener);
  return () => process.off('SIGINT', listener);
}
