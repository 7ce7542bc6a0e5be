import type { Socket } from 'node:net';
import type { Access } from '../callers/access.js';
import type { Config } from '../config.js';
import type { GrpcServer } from '../doors/grpc/server.js';
import type { Http2Side, SharedParts } from '../doors/http/http2-side.js';
import type { Clock } from '../serving/clock.js';
import type { Tracer } from '../tracing/tracer.js';
import { DIEGATE_VERSION } from '../version.js';

interface GrpcSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly access: Access | undefined;
  readonly tracer: Tracer | undefined;
  readonly isDraining: () => boolean;
  /** Told where it could not be loaded, which breaks what had connected. */
  readonly onError: (error: unknown) => void;
}

/** gRPC, loaded with the first connection that speaks HTTP/2, or at once where the settings say so. */
export class GrpcSide implements Http2Side {
  readonly #options: GrpcSideOptions;
  readonly #shared: SharedParts;
  readonly #waiting = new Set<Socket>();
  #loading: Promise<GrpcServer> | undefined;
  #server: GrpcServer | undefined;
  #isClosing = false;

  constructor(options: GrpcSideOptions, shared: SharedParts) {
    this.#options = options;
    this.#shared = shared;
    if (options.config.GRPC === 'preload') this.#load().catch(options.onError);
  }

  serve(socket: Socket): void {
    if (this.#server !== undefined) {
      this.#server.serve(socket);
      return;
    }
    this.#waiting.add(socket);
    socket.once('close', () => this.#waiting.delete(socket));
    this.#load().then(
      (server) => {
        if (!this.#waiting.delete(socket)) return;
        server.serve(socket);
        if (this.#isClosing) server.close();
      },
      (error: unknown) => {
        this.#options.onError(error);
        socket.destroy();
      },
    );
  }

  has(socket: Socket): boolean {
    return this.#waiting.has(socket) || this.#server?.has(socket) === true;
  }

  close(): void {
    this.#isClosing = true;
    this.#server?.close();
  }

  cutOffAll(): void {
    for (const socket of this.#waiting) socket.destroy();
    this.#server?.cutOffAll();
  }

  #load(): Promise<GrpcServer> {
    this.#loading ??= this.#create();
    return this.#loading;
  }

  async #create(): Promise<GrpcServer> {
    const { createGrpcServer } = await import('../doors/grpc/create-server.js');
    const { config, onError: _, ...own } = this.#options;
    const { exchange, engine, reader, ...shared } = this.#shared;
    this.#server = createGrpcServer({
      ...own,
      ...shared,
      engine,
      version: DIEGATE_VERSION,
      infer: { exchange, engine, reader, maxBatchDies: config.MAX_BATCH_DIES },
      maxMessageBytes: config.MAX_BODY_BYTES,
      requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
      maxConnectionAgeMs: config.GRPC_MAX_CONNECTION_AGE_MS,
      maxConnectionAgeGraceMs: config.GRPC_MAX_CONNECTION_AGE_GRACE_MS,
      keepAliveMs: config.GRPC_KEEPALIVE_MS,
      maxUnreadBytes: config.MAX_BUFFERED_BYTES,
    });
    return this.#server;
  }
}
