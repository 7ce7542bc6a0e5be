import { Fault } from '../../errors.js';
import type { GraphHints } from '../../models/graph/hints.js';
import { type GraphInfo, NO_FLOAT16, noTensor } from '../../models/manifest/graph.js';
import { draftBatching, draftInput, type InputDraft } from './draft-input.js';
import { type Clues, outputsText, type TaskGuess } from './output-clues.js';
import { TASKS } from './task-guesses.js';

/** What a draft is made from. */
interface DraftSource {
  /** The model file, for messages. */
  readonly file: string;
  readonly graph: GraphInfo;
  /** What the graph's nodes tell, where they could be read. */
  readonly hints?: GraphHints | undefined;
  readonly name: string;
  readonly version: string;
  /** Of the model file. */
  readonly sha256: string;
  /** Number of parameters, where the graph does not say it. */
  readonly parameters: number | undefined;
  /** Names of the labels of a classification, where the graph does not say how many there are, or how they are called. */
  readonly labels?: readonly string[] | undefined;
}

/** A manifest as far as a graph can tell it. */
export interface ManifestDraft {
  /** To be written as JSON: what only a person knows is null, so that no server loads it unseen. */
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly input: InputDraft;
  readonly guess: TaskGuess;
  /** In plain sentences: what was guessed and why, and what a person must fill in. */
  readonly notes: readonly string[];
}

/**
 * Drafts the manifest of a model from its graph.
 * @throws Fault `invalid_model` with one line for each reason why the graph cannot be served
 */
export function draftManifest(source: DraftSource): ManifestDraft {
  const { file, graph, hints, name, version, sha256, labels } = source;
  const refuse = (problems: readonly string[]): never => {
    throw new Fault(
      'invalid_model',
      problems.map((problem) => `${file}: ${problem}`),
    );
  };
  // The task decides which inputs are needed, and the inputs how wide a reconstruction is: first as if all were.
  const all = draftInput(graph.inputs, source.parameters, hints, () => true);
  if (isProblems(all)) return refuse(all);
  const clues = { outputs: graph.outputs, hints, labels };
  const guess = guessTask({ ...clues, parameters: all.parameters });
  if (isProblems(guess)) return refuse(guess);
  const needs = (input: string) => hints?.needs(guess.decisive.name, input) ?? true;
  const input = draftInput(graph.inputs, source.parameters, hints, needs);
  if (isProblems(input)) return refuse(input);
  const fed = input.tensors.filter(({ constant }) => constant === undefined);
  const imputes = fed.length > 0 && fed.every((tensor) => hints?.imputes(tensor.name) === true);
  return {
    manifest: {
      name,
      version,
      description: '',
      task: guess.task,
      input: imputes ? { ...input.input, missing: 'impute' } : input.input,
      outputs: guess.outputs,
      ...guess.fields,
      ...draftBatching(input.parameters),
      sha256,
      lineage: { data: null, rows: null, codeVersion: null, created: null },
    },
    input,
    guess,
    notes: [
      `task: guessed "${guess.task}", because ${guess.reason}`,
      ...unusedOutputs(graph, guess),
      ...guess.toFillIn,
      ...input.notes,
      imputes
        ? 'input.missing: "impute", as the graph fills in NaN itself (Imputer); write "reject" to refuse a die with a missing value'
        : 'input.missing: "reject" refuses a die with a missing value; write "impute" only if the graph itself fills in NaN',
      'lineage: say what it was trained on (data), on how many dies (rows), with what (codeVersion) and when (created, ISO 8601 UTC)',
    ],
  };
}

/** The first task that fits, or why none does. */
function guessTask(clues: Clues): TaskGuess | string[] {
  for (const guess of TASKS) {
    const found = guess(clues);
    if (found !== undefined) return found;
  }
  const { outputs } = clues;
  const cured = outputs.flatMap(({ name, type }) => {
    if (type === 'other') return [`output "${name}" ${noTensor(clues.hints?.producer)}`];
    return type === 'float16' ? [`output "${name}" ${NO_FLOAT16}`] : [];
  });
  if (cured.length > 0) return cured;
  const open = outputs.some(({ shape }) => shape.slice(1).some((size) => typeof size === 'string'));
  return [
    `no output fits a task that is served: ${outputsText(outputs) || 'there is none'}; expected numbers [N], [N, 1] or [N, labels]${open ? '; say how many labels there are with --labels' : ''}`,
  ];
}

function unusedOutputs({ outputs }: GraphInfo, guess: TaskGuess): string[] {
  const used = JSON.stringify(guess.outputs);
  const unused = outputs.map(({ name }) => JSON.stringify(name)).filter((name) => !used.includes(name));
  return unused.length === 0
    ? []
    : [
        `outputs: ${unused.join(', ')} will not be used; name an output of numbers in outputs.extra to have it returned with each prediction`,
      ];
}

function isProblems<T extends object>(found: T | string[]): found is string[] {
  return Array.isArray(found);
}
