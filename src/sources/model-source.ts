import type { LineageSource } from '../models/manifest/identity-schema.js';

/** What a source knows of a model besides its files; what it does not know it leaves out. */
export interface SourceFacts {
  /** Names of the test parameters, in the order of the input. */
  readonly parameters?: readonly string[];
  readonly description?: string;
  readonly metrics?: Readonly<Record<string, number>>;
  /** What it was trained on, in words. */
  readonly data?: string;
  /** Dies in the training data. */
  readonly rows?: number;
  /** What made the model file. */
  readonly madeBy?: string;
  /** ISO 8601 UTC. */
  readonly created?: string;
  readonly source: LineageSource;
  /** Fields of the manifest that somebody has set at the source, by their path: `threshold`, `input.missing`. */
  readonly set: Readonly<Record<string, string>>;
}

/** A model that lies somewhere else, found but not yet fetched. */
export interface FoundModel {
  /** The name that the source has for it; undefined where it has none. */
  readonly name: string | undefined;
  /** The number that the source has for it. */
  readonly version: string | undefined;
  readonly source: LineageSource;
  /**
   * Puts its files into a folder: `model.onnx` and what belongs to it, `manifest.json` too where the model is
   * a version of diegate already.
   */
  fetchInto(folder: string): Promise<SourceFacts>;
}
