import type { GraphHints } from '../../models/graph/hints.js';
import type { FetchedOutput } from '../../models/manifest/fetched-outputs.js';
import { shapeText, type TensorInfo } from '../../models/manifest/graph.js';

/** A task that the outputs of a graph fit. */
export interface TaskGuess {
  readonly task: string;
  /** Why this task: the end of a sentence that begins with "because". */
  readonly reason: string;
  /** The manifest's `outputs`: names of the graph's. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** The output that a die is decided by. */
  readonly decisive: FetchedOutput;
  /** Other fields of the manifest that this task has; null is for a person to fill in. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What those nulls mean, a sentence each. */
  readonly toFillIn: readonly string[];
}

/** What a task is guessed by. */
export interface Clues {
  readonly outputs: readonly TensorInfo[];
  readonly parameters: number;
  readonly hints?: GraphHints | undefined;
  /** Names of the labels, where a person has said them. */
  readonly labels?: readonly string[] | undefined;
}

/** Names of outputs that explain a decision. */
export const EXPLAINS = /contrib/i;
/** Names of outputs that are quantities and no scores. */
export const QUANTITY = /^(y|y_hat|variable|value|prediction|target)$|predicted|yield|regress/i;

export function targetNamed(name: string) {
  return { name, unit: null, lowLimit: null, highLimit: null, standardError: null };
}

export function labelFields({ labels, hints }: Clues, count: number) {
  const known = labels ?? hints?.classes?.map(String);
  const names = known?.length === count ? known : Array.from({ length: count }, (_, i) => `label ${i + 1}`);
  return { labels: [...names], passLabels: null };
}

export function labelNote({ labels, hints }: Clues, count: number): string {
  if (labels?.length === count) return `labels: as --labels says, in the order of the output`;
  return hints?.classes?.length === count
    ? 'labels: as the graph names its classes, in the order of the output'
    : `labels: the names of the ${count} classes, in the order of the output; those in the draft are placeholders`;
}

/** Columns of [N, labels], by the graph's shape, its classes or what a person said; 0 for any other shape. */
export function labelCount(output: TensorInfo, { labels, hints }: Clues): number {
  const { shape } = output;
  if (shape.length === 2 && typeof shape[1] === 'string')
    return labels?.length ?? hints?.classes?.length ?? 0;
  return sizeOfDie(output) ?? 0;
}

/** Whether several numbers are quantities: by their name, or as what skl2onnx calls what is no probability. */
export function isQuantity({ name }: TensorInfo, { outputs, hints }: Clues): boolean {
  const isLabelled = outputs.some((one) => /int|string/.test(one.type) && isOneForEachDie(one));
  return QUANTITY.test(name) || (/skl2onnx|OnnxMLTools/i.test(hints?.producer ?? '') && !isLabelled);
}

export function contributionsAmong({ outputs, parameters }: Clues): { contributions?: string } {
  const found = outputs.find(
    (one) =>
      one.type === 'float32' &&
      EXPLAINS.test(one.name) &&
      one.shape.length === 2 &&
      (typeof one.shape[1] === 'string' || one.shape[1] === parameters),
  );
  return found === undefined ? {} : { contributions: found.name };
}

export function isNumber({ type }: TensorInfo): boolean {
  return /^(float(32|64)|u?int\d+)$/.test(type);
}

/** Values for each die; 0 where the graph does not say. */
export function columnsOf(output: TensorInfo): number {
  return sizeOfDie(output) ?? 0;
}

/** Values for each die; undefined where the graph does not say. */
export function sizeOfDie({ shape }: TensorInfo): number | undefined {
  const rest = shape.slice(1);
  return shape.length > 0 && rest.every((size) => typeof size === 'number')
    ? rest.reduce((product, size) => product * Number(size), 1)
    : undefined;
}

export function isOneForEachDie(output: TensorInfo): boolean {
  return sizeOfDie(output) === 1;
}

/** The outputs of a graph in a sentence. */
export function outputsText(outputs: readonly TensorInfo[]): string {
  return outputs.map(({ name, type, shape }) => `"${name}" is ${type} ${shapeText(shape)}`).join(', ');
}
