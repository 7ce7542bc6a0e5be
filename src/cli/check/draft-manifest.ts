import { Fault } from '../../errors.js';
import type { GraphInfo, TensorInfo } from '../../models/manifest/graph.js';
import { TASKS, type TaskGuess } from './task-guesses.js';

/** What a draft is made from. */
export interface DraftSource {
  /** The model file, for messages. */
  readonly file: string;
  readonly graph: GraphInfo;
  readonly name: string;
  readonly version: string;
  /** Of the model file. */
  readonly sha256: string;
  /** Number of parameters, where the graph does not say it. */
  readonly parameters: number | undefined;
}

/** A manifest as far as a graph can tell it. */
export interface ManifestDraft {
  /** To be written as JSON: what only a person knows is null, so that no server loads it unseen. */
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly input: { readonly name: string; readonly parameters: number };
  readonly guess: TaskGuess;
  /** In plain sentences: what was guessed and why, and what a person must fill in. */
  readonly notes: readonly string[];
}

/**
 * Drafts the manifest of a model from its graph.
 * @throws Fault `invalid_model` with one line for each reason why the graph cannot be served
 */
export function draftManifest(source: DraftSource): ManifestDraft {
  const { file, graph, name, version, sha256 } = source;
  const refuse = (problems: readonly string[]): never => {
    throw new Fault(
      'invalid_model',
      problems.map((problem) => `${file}: ${problem}`),
    );
  };
  const problems = inputProblems(graph);
  const input = graph.inputs[0];
  if (problems.length > 0 || input === undefined) return refuse(problems);
  const parameters = parametersOf(input, source.parameters);
  if (typeof parameters === 'string') return refuse([parameters]);
  const guess = guessTask(graph, parameters);
  if (Array.isArray(guess)) return refuse(guess);
  return {
    manifest: {
      name,
      version,
      description: '',
      task: guess.task,
      input: { name: input.name, parameters, missing: 'reject' },
      outputs: guess.outputs,
      ...guess.fields,
      sha256,
      lineage: { data: null, rows: null, codeVersion: null, created: null },
    },
    input: { name: input.name, parameters },
    guess,
    notes: [
      `task: guessed "${guess.task}", because ${guess.reason}`,
      ...unusedOutputs(graph, guess),
      ...guess.toFillIn,
      `input.parameters: the count ${parameters}; give the list of names, units, limits and STDF test numbers instead, in the order of the input, if decisions are to be explained or lots to be replayed`,
      'input.missing: "reject" refuses a die with a missing value; write "impute" only if the graph itself fills in NaN',
      'lineage: say what it was trained on (data), on how many dies (rows), with what (codeVersion) and when (created, ISO 8601 UTC)',
    ],
  };
}

function inputProblems({ inputs }: GraphInfo): string[] {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${name}"`).join(', ');
    return [
      `the graph has ${inputs.length} inputs${names === '' ? '' : ` (${names})`}, expected one: float32 [N, parameters]`,
    ];
  }
  const { name, type, shape } = input;
  const problems: string[] = [];
  if (type !== 'float32') problems.push(`input "${name}" is ${type}, expected float32`);
  if (shape.length !== 2) {
    problems.push(`input "${name}" has shape ${shapeText(shape)}, expected two dimensions: [N, parameters]`);
  } else if (typeof shape[0] === 'number') {
    problems.push(
      `input "${name}" has a fixed batch of ${shape[0]} (shape ${shapeText(shape)}), expected [N, parameters]: export the model with a dynamic first dimension`,
    );
  }
  return problems;
}

/** The number of parameters, or why it is not known. */
function parametersOf({ name, shape }: TensorInfo, asked: number | undefined): number | string {
  const [, said] = shape;
  if (typeof said !== 'number') {
    return (
      asked ??
      `input "${name}" has shape ${shapeText(shape)}, which does not say how many parameters it reads: say it with --parameters`
    );
  }
  if (asked === undefined || asked === said) return said;
  return `input "${name}" reads ${said} parameters (shape ${shapeText(shape)}), --parameters says ${asked}`;
}

/** The first task that fits, or why none does. */
function guessTask(graph: GraphInfo, parameters: number): TaskGuess | string[] {
  for (const guess of TASKS) {
    const found = guess(graph.outputs, parameters);
    if (found !== undefined) return found;
  }
  const shown = graph.outputs.map(({ name, type, shape }) => `"${name}" is ${type} ${shapeText(shape)}`);
  return [
    `no output fits a task that is served: ${shown.join(', ') || 'there is none'}; expected float32 [N], [N, 1] or [N, labels], with a dynamic first dimension`,
  ];
}

function unusedOutputs({ outputs }: GraphInfo, guess: TaskGuess): string[] {
  const used = Object.values(guess.outputs);
  const unused = outputs.filter(({ name }) => !used.includes(name)).map(({ name }) => `"${name}"`);
  return unused.length === 0
    ? []
    : [
        `outputs: ${unused.join(', ')} will not be used; name a float32 output in outputs.extra to have it returned with each prediction`,
      ];
}

/** A shape as people write it; "?" for a dimension that has no name. */
export function shapeText(shape: TensorInfo['shape']): string {
  return `[${shape.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
}
