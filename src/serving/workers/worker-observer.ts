/** Who is told of what happens to workers; told, never asked. */
export interface WorkerObserver {
  workerStarted?(pid: number | undefined): void;
  /** A process takes the place of another one and is given batches from now on. */
  workerServes?(pid: number | undefined): void;
  /** A process that should have lived, a stand-by too, has ended; another one is started after `restartInMs`, 0 where its place is taken at once. */
  workerLost?(pid: number | undefined, reason: string, restartInMs: number): void;
  /** A process that was started for a load, or whose place another one has taken, has been let go. */
  workerLeft?(pid: number | undefined): void;
  /** A replacement could not open a version that was open before. */
  reopenFailed?(key: string, reason: string): void;
}
