/** What the thread that writes records is started with. */
export interface WriterSettings {
  readonly folder: string;
  /** A segment of so many bytes is sealed; or one that is so old. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** Sealed segments that are older, or beyond so many bytes, leave. */
  readonly keepMs: number;
  readonly keepBytes: number;
  /** Name of the log in its checkpoints. */
  readonly name: string;
  /** PEM file of the key that checkpoints are signed with; undefined for unsigned ones. */
  readonly keyFile: string | undefined;
}

/** Encoded records on their way to the thread, or the end of the log. */
export type ToWriter =
  | {
      readonly type: 'chunk';
      /** Its memory, which comes back with the next `progress`. */
      readonly memory: ArrayBuffer;
      readonly bytes: number;
      readonly records: number;
      /** Whether somebody waits until they are durable. */
      readonly isAwaited: boolean;
    }
  | { readonly type: 'close' };

/** What a recovery found of a segment that was open when the process ended. */
export interface Recovered {
  readonly segment: number;
  readonly records: number;
  /** Bytes at the end of what was being written then. */
  readonly tornBytes: number;
  /** Records that are damaged, by their sequences: the first, and how many. */
  readonly damaged: readonly (readonly [sequence: number, records: number])[];
}

/** A segment that was sealed. */
export interface SealedSegment {
  readonly segment: number;
  readonly records: number;
  readonly bytes: number;
  /** Base64. */
  readonly root: string;
  readonly checkpoint: string;
  readonly isSigned: boolean;
}

/** What the thread says. */
export type FromWriter =
  | { readonly type: 'opened'; readonly next: number; readonly recovered: readonly Recovered[] }
  | { readonly type: 'unfit'; readonly reason: string }
  /**
   * So many records in all have been handed to the system, and so many are durable; so many bytes and chunks that
   * somebody waited for are dealt with since the last time.
   */
  | {
      readonly type: 'progress';
      readonly written: number;
      readonly durable: number;
      readonly bytes: number;
      readonly awaited: number;
      /** Of chunks that are dealt with. */
      readonly memory: readonly ArrayBuffer[];
    }
  | { readonly type: 'stalled'; readonly reason: string }
  | { readonly type: 'recovered'; readonly lost: number }
  | ({ readonly type: 'sealed' } & SealedSegment)
  | { readonly type: 'sealFailed'; readonly segment: number; readonly reason: string }
  | { readonly type: 'left'; readonly segments: readonly number[] }
  | { readonly type: 'closed' };
