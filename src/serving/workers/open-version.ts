import type { BatchPolicy } from '../../models/batch-policy.js';
import type { GraphInfo } from '../../models/manifest/graph.js';
import type { SessionSpec, WarmUpReport } from './messages.js';
import type { KeptModel } from './model-bytes.js';

/** A version as every worker but the first opens it. */
export interface OpenVersion {
  readonly spec: SessionSpec;
  /** How the first worker that opened it found that its dies are to be run; all others do the same. */
  readonly policy: BatchPolicy;
  /**
   * The files that were opened: the repository may have gone by then, or be on a volume that hangs. Undefined
   * where they could not be kept.
   */
  readonly model: KeptModel | undefined;
}

/** What was found when a version was opened for the first time. */
export interface OpenedSession {
  readonly graph: GraphInfo;
  readonly report: WarmUpReport;
}
