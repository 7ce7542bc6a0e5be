import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../errors.js';
import { exposeZipMaps } from '../../models/graph/cures.js';
import { graphHints } from '../../models/graph/hints.js';
import { readOnnx, writeOnnx } from '../../models/graph/onnx-file.js';
import { newerThanRuntime } from '../../models/graph/runtime-limits.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import { VersionSchema } from '../../models/manifest/identity-schema.js';
import { draftInput } from './draft-input.js';
import { type FixedModel, fixModel, graphOfModel } from './fix-model.js';
import { type Proof, proveEqual } from './prove-equal.js';

/** A repaired version, written beside the one that it was made of. */
interface FixedVersion {
  /** Absolute path of the repaired model; undefined where there was nothing to repair. */
  readonly modelFile: string | undefined;
  /** What was changed, and what a run has shown, a sentence each. */
  readonly lines: readonly string[];
}

/** What a person says of a model beside its file. */
interface FixRequest {
  readonly out: string | undefined;
  readonly parameters: number | undefined;
  readonly labels: readonly string[] | undefined;
}

// Another order of sums may change the last bits of float32; more than this is another answer.
const MOST_DIFFERENT = 1e-5;

/**
 * Repairs a model file, proves by a run that its answers are the same, and writes it: to `out`, or as the
 * next version of its model, or beside itself. A version is never changed.
 * @param modelFile absolute path
 * @throws Fault `invalid_model` where it cannot be repaired, or the repaired one answers otherwise
 */
export async function fixVersion(
  modelFile: string,
  request: FixRequest,
  workerEntry: string | undefined,
): Promise<FixedVersion> {
  const bytes = await readFile(modelFile);
  const newer = newerThanRuntime(named(modelFile, () => readOnnx(bytes)));
  if (newer !== undefined) throw new Fault('invalid_model', [`${modelFile} ${newer}`]);
  const fixed = await provenFix(modelFile, bytes, request, workerEntry);
  if (fixed.changes.length === 0)
    return { modelFile: undefined, lines: [fixed.shown || 'there is nothing to repair'] };
  const target = request.out ?? (await nextFile(modelFile));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, fixed.bytes, { flag: 'wx' }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault('invalid_data', [`${target} cannot be written: ${reason}`], error);
  });
  const sha256 = createHash('sha256').update(fixed.bytes).digest('hex');
  return { modelFile: target, lines: [...fixed.changes, fixed.shown, `its sha256 is ${sha256}`] };
}

type Proven = FixedModel & { readonly shown: string };

/** With its batch opened, if a run shows that the graph takes any; else without. */
async function provenFix(
  modelFile: string,
  bytes: Uint8Array,
  request: FixRequest,
  workerEntry: string | undefined,
): Promise<Proven> {
  const read = (location: string) => readBeside(modelFile, location);
  const fix = (opensBatch: boolean) => fixModel(bytes, { read, opensBatch, ...request });
  const opened = named(modelFile, () => fix(true));
  try {
    return { ...opened, shown: await shownBy(modelFile, bytes, opened, request, workerEntry) };
  } catch (error) {
    const closed = fix(false);
    if (!(error instanceof Fault) || closed.changes.length === opened.changes.length) throw error;
    const kept =
      'the batch stays fixed, as a run with it open failed or answered otherwise: dies are run as it is';
    if (closed.changes.length === 0) return { ...closed, shown: kept };
    const shown = await shownBy(modelFile, bytes, closed, request, workerEntry);
    return { ...closed, shown: `${kept}; ${shown}` };
  }
}

/** What a run of both shows. @throws Fault `invalid_model` where they answer otherwise */
async function shownBy(
  modelFile: string,
  bytes: Uint8Array,
  fixed: FixedModel,
  { parameters }: FixRequest,
  workerEntry: string | undefined,
): Promise<string> {
  if (fixed.changes.length === 0) return '';
  const original = readOnnx(bytes);
  const before = graphOfModel(original);
  const hints = graphHints(original);
  const input = draftInput(before.inputs, parameters, hints, () => true);
  if (Array.isArray(input))
    return `not proven by a run, as the original cannot be run here: ${whyNot(before, input)}`;
  const folder = await mkdtemp(join(tmpdir(), 'diegate-fix-'));
  try {
    const maps = exposeZipMaps(original);
    const file = join(folder, 'model.onnx');
    await writeFile(file, fixed.bytes);
    const beforeFile = maps.length === 0 ? modelFile : join(folder, 'before.onnx');
    if (maps.length > 0) await writeFile(beforeFile, writeOnnx(original));
    const kept = maps.map(({ exposed, maps: after }) => ({ before: exposed, after, sign: 1 as const }));
    const proof = await proveEqual(
      { file: beforeFile, graph: graphOfModel(original) },
      { file, graph: graphOfModel(readOnnx(fixed.bytes)) },
      {
        inputs: input.tensors,
        parameters: input.parameters,
        renamed: [...fixed.renamed, ...kept],
        hints,
        workerEntry,
      },
    );
    return judged(modelFile, proof);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cure of half precision is what has been done just now. */
function whyNot({ inputs }: GraphInfo, problems: readonly string[]): string | undefined {
  const half = inputs.find(({ type }) => type === 'float16');
  return half === undefined ? problems[0] : `its input "${half.name}" is float16`;
}

function judged(modelFile: string, { rows, outputs, difference, unproven }: Proof): string {
  if (unproven !== undefined)
    return `it runs on ${rows} rows; not proven equal, as the original cannot be run: ${unproven}`;
  const names = outputs.map((name) => `"${name}"`).join(', ');
  if (outputs.length === 0) return `it runs on ${rows} rows; no output is of the same form as before`;
  if (difference > MOST_DIFFERENT) {
    throw new Fault('invalid_model', [
      `${modelFile}: the repaired model answers otherwise: ${names} differ by up to ${difference.toPrecision(3)} on ${rows} rows`,
    ]);
  }
  const isOne = outputs.length === 1;
  const same =
    difference === 0
      ? `${isOne ? 'is' : 'are'} the same to the last bit`
      : `${isOne ? 'differs' : 'differ'} by at most ${difference.toPrecision(2)}`;
  return `${names} ${same} on ${rows} rows, alone and in batches`;
}

function readBeside(modelFile: string, location: string): Uint8Array {
  try {
    return readFileSync(join(dirname(modelFile), location));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new Fault('invalid_model', [`needs "${location}" beside it, which cannot be read: ${code}`], error);
  }
}

/** The next version of its model, or a file beside it. */
async function nextFile(modelFile: string): Promise<string> {
  const folder = dirname(modelFile);
  if (basename(modelFile) !== 'model.onnx' || !VersionSchema.safeParse(basename(folder)).success)
    return modelFile.replace(/(\.onnx)?$/i, '.fixed.onnx');
  const versions = (await readdir(dirname(folder))).map(Number).filter(Number.isInteger);
  return join(dirname(folder), String(Math.max(0, ...versions) + 1), 'model.onnx');
}

/** Problems as sentences that begin with the file's name. */
export function named<T>(modelFile: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'invalid_model') throw error;
    throw new Fault(
      error.code,
      error.problems.map((problem) => `${modelFile} ${problem}`),
      error,
    );
  }
}
