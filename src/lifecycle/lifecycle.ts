import type { Logger } from 'pino';
import { Fault } from '../errors.js';
import type { Catalogue } from '../models/catalogue.js';
import type { Batcher } from '../serving/batching/batcher.js';
import type { Clock } from '../serving/clock.js';
import type { CanaryEvent } from '../traffic/canary.js';
import { type Audit, createAudit } from './audit.js';
import { CanaryDriver } from './canary-driver.js';
import { LazyVersions } from './lazy-versions.js';
import { ModelChanges } from './model-changes.js';
import { neededVersions } from './needed-versions.js';
import { RepositorySync } from './repository-sync.js';
import { RepositoryWatch } from './repository-watch.js';
import { ServingState } from './serving-state.js';
import { type LoadObserver, VersionLoader, type VersionLoaderOptions } from './version-loader.js';

interface LifecycleOptions {
  /** Absolute path of the model repository. */
  readonly folder: string;
  readonly servingFile: string;
  readonly catalogue: Catalogue;
  readonly runner: VersionLoaderOptions['runner'];
  /** Processes that hold a session of each open version. */
  readonly copies: number;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loadObservers: readonly LoadObserver[];
  readonly checkSignature: VersionLoaderOptions['checkSignature'];
  readonly lazyBudgetBytes: number;
  /** 0 for never. */
  readonly watchEveryMs: number;
  readonly onTrafficChange: (model: string) => void;
  /** Told of every change, beside the log. */
  readonly onAudited?: Audit | undefined;
  readonly onCanaryEvent: (model: string, event: CanaryEvent) => void;
}

/** Everything that brings versions up and down and changes what is served, built once. */
export interface Lifecycle {
  readonly lazy: LazyVersions;
  readonly changes: ModelChanges;
  readonly canaries: CanaryDriver;
  /** Keys of the versions that the start still has to load. */
  missing(): string[];
  /**
   * Loads what serving.json needs, and begins to watch.
   * @throws Fault `invalid_model` with one line for each problem when no version at all can answer
   */
  start(): Promise<void>;
  stop(): void;
}

export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { catalogue, clock, logger, folder, servingFile } = options;
  const now = () => new Date();
  const loader = new VersionLoader({ ...options, observers: options.loadObservers });
  const audit = createAudit(logger, options.onAudited);
  const state = new ServingState(servingFile, catalogue);
  const { onTrafficChange, onCanaryEvent } = options;
  const sync = new RepositorySync({
    folder,
    servingFile,
    catalogue,
    loader,
    state,
    audit,
    onTrafficChange,
    logger,
  });
  const changes = new ModelChanges({
    catalogue,
    loader,
    state,
    audit,
    rescan: (failed) => sync.rescan((key) => key === failed),
    onTrafficChange,
    onCanaryEvent,
    now,
  });
  const canaries = new CanaryDriver({
    catalogue,
    changes,
    clock,
    now,
    logger,
  });
  const lazy = new LazyVersions({
    catalogue,
    loader,
    clock,
    budgetBytes: options.lazyBudgetBytes,
    workers: options.copies,
  });
  const watch = new RepositoryWatch({
    folder,
    servingFile,
    sync,
    clock,
    everyMs: options.watchEveryMs,
    logger,
  });
  const missing = new Set(neededVersions(catalogue));
  for (const key of missing) if (catalogue.entry(key)?.state === 'unloaded') catalogue.markLoading(key);
  return {
    lazy,
    changes,
    canaries,
    missing: () => [...missing],
    async start() {
      for (const key of missing) {
        await sync.tryLoad(key);
        missing.delete(key);
      }
      assertSomeVersion(catalogue, lazy);
      canaries.start();
      if (options.watchEveryMs > 0) await watch.start();
    },
    stop() {
      canaries.stop();
      watch.stop();
    },
  };
}

/** A server that could never answer a die had better not start. */
function assertSomeVersion(catalogue: Catalogue, lazy: LazyVersions): void {
  const entries = catalogue.entries();
  const canAnswer = entries.some(
    ({ state, name, version }) =>
      state === 'ready' || version?.fallback !== undefined || (state !== 'failed' && lazy.isLazy(name)),
  );
  if (canAnswer) return;
  throw new Fault(
    'invalid_model',
    entries.map(({ key, reason }) => reason ?? `model ${key} is not loaded`),
  );
}
