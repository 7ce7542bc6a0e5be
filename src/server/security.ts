import type { Server } from 'node:http';
import type { Logger } from 'pino';
import { openAccess } from '../callers/access.js';
import type { Config } from '../config.js';
import { replaceTls } from '../doors/http/listener.js';
import type { Security } from '../doors/http/server.js';
import { ReloadedFiles } from '../secrets/reloaded-files.js';
import { readTls, type TlsMaterial } from '../secrets/tls.js';
import type { Clock } from '../serving/clock.js';

/** What the settings say of who may call, and the watch over the files that they name. */
export interface OpenedSecurity extends Security {
  /** The server whose certificate is replaced when its files are. */
  secure(server: Server): void;
  /** Reads all of these files again, now; what is wrong is logged, and the last good content stays. */
  reload(): Promise<void>;
  /** Looks for changed files no more. */
  stop(): void;
}

interface SecurityOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of files of keys and certificates that were read anew. */
  readonly onReloaded?: ((what: string, files: readonly string[]) => void) | undefined;
  /** Milliseconds since 1970, by which keys and tokens expire. */
  readonly now?: () => number;
}

/**
 * Reads the files of keys and certificates.
 * @throws Fault `invalid_config` with one line for each problem
 */
export async function openSecurity({
  config,
  clock,
  logger,
  onReloaded,
  now = Date.now,
}: SecurityOptions): Promise<OpenedSecurity> {
  const watch = { intervalMs: config.RELOAD_INTERVAL_MS, clock, logger, onReloaded };
  let secured: Server | undefined;
  const tls = await openTls(config, watch, now, (material) => {
    if (secured !== undefined) replaceTls(secured, material);
  });
  const { JWT_JWKS_FILE: jwksFile, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config;
  const hasTokens = jwksFile !== undefined && issuer !== undefined && audience !== undefined;
  try {
    const access = await openAccess({
      apiKeysFile: config.API_KEYS_FILE,
      tokens: hasTokens ? { jwksFile, issuer, audience } : undefined,
      reloadIntervalMs: config.RELOAD_INTERVAL_MS,
      clock,
      logger,
      onReloaded,
      now,
    });
    return {
      access,
      tls: tls?.current,
      metricsAccess: config.METRICS_ACCESS,
      docsAccess: config.DOCS_ACCESS,
      corsOrigins: config.CORS_ORIGINS ?? [],
      trustedProxies: config.TRUSTED_PROXIES ?? [],
      secure(server) {
        secured = server;
      },
      async reload() {
        await Promise.all([access?.reload(), tls?.reload()]);
      },
      stop() {
        access?.stop();
        tls?.stop();
      },
    };
  } catch (error) {
    tls?.stop();
    throw error;
  }
}

async function openTls(
  { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CLIENT_CA_FILE: clientCa }: Config,
  watch: { intervalMs: number } & Pick<SecurityOptions, 'clock' | 'logger' | 'onReloaded'>,
  now: () => number,
  onReload: (material: TlsMaterial) => void,
): Promise<ReloadedFiles<TlsMaterial> | undefined> {
  if (cert === undefined || key === undefined) return undefined;
  const opened = await ReloadedFiles.open({
    ...watch,
    what: 'TLS',
    files: clientCa === undefined ? [cert, key] : [cert, key, clientCa],
    read: () => readTls({ cert, key, clientCa }),
    onReload(material) {
      onReload(material);
      noteExpiry(material, watch.logger, now);
    },
  });
  noteExpiry(opened.current, watch.logger, now);
  return opened;
}

function noteExpiry({ validTo }: TlsMaterial, logger: Logger, now: () => number): void {
  if (Date.parse(validTo) > now()) logger.info({ validTo }, 'certificate');
  else logger.warn({ validTo }, 'the certificate has expired');
}
