import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { Fault } from './errors.js';
import {
  collectorUrl,
  headerList,
  httpUrl,
  isNetwork,
  isOrigin,
  isPath,
  keptInputs,
  list,
  oneOf,
  share,
  text,
  whole,
} from './setting-types.js';

const DAY_MS = 86_400_000;
// Below so many steps nobody can say how much a mean wanders from step to step; each is kept in memory.
const DRIFT_STEPS = { least: 6, most: 48 };

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * Every setting: its environment variable, type, bounds, default and meaning. The README's table and
 * `diegate --help` are made from it.
 */
export const ConfigSchema = z.object({
  HOST: z.string().min(1).prefault('0.0.0.0').describe('Address to listen on'),
  PORT: whole(0, 65_535).prefault('8000').describe('Port to listen on; 0 takes a free one'),
  MODEL_REPOSITORY: z.string().min(1).prefault('models').describe('Folder of the model repository'),
  SERVING_FILE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Path of serving.json; in MODEL_REPOSITORY if not set, which then has to be writable for changes',
    ),
  MODEL_SIGNATURES: oneOf('off', 'warn', 'require')
    .prefault('off')
    .describe(
      'Signatures of model versions (model.sig, OpenSSF Model Signing): off, warn of those that do not hold, or require one to load a version',
    ),
  MODEL_SIGNATURE_KEYS: list(isPath, 'a path')
    .optional()
    .describe('PEM files of public keys whose signatures count, separated by commas'),
  MODEL_SIGNATURE_AUTHORITIES: list(isPath, 'a path')
    .optional()
    .describe('PEM files of certificates: what was signed with a certificate that they issued counts'),
  REPOSITORY_WATCH_MS: whole(0, DAY_MS)
    .prefault('0')
    .describe('How often to look for changes of the model repository and follow them; 0 never'),
  LAZY_MEMORY_MB: whole(1, 1_048_576)
    .prefault('512')
    .describe('Model files, times workers, that lazy models may hold; the least recently used leaves first'),
  LAZY_WAIT_MS: whole(0, 600_000)
    .prefault('0')
    .describe('How long a call may wait for a lazy model to be loaded; 0 answers 503 with retry-after'),
  INFERENCE_WORKERS: whole(1, 64)
    .prefault(() => String(Math.max(1, availableParallelism() - 1)))
    .describe('Worker processes that run ONNX Runtime'),
  STANDBY_WORKERS: whole(0, 1)
    .prefault('0')
    .describe(
      'Worker processes that stand by, every version open, to take the place of one that is lost: 0 or 1',
    ),
  INTRA_OP_THREADS: whole(1, 64).prefault('1').describe('ONNX Runtime threads in each worker'),
  BATCH_TIMEOUT_MS: whole(10, DAY_MS)
    .prefault('10000')
    .describe('A batch that runs longer counts as hung: its worker is replaced'),
  EXPRESS_DIES: whole(0, 64)
    .prefault('0')
    .describe(
      'Most dies of a batch that the server process runs itself where nobody else waits, by versions that have proven themselves: one tester is answered sooner, and a model that crashes ends the server (docs/operations.md); 0 never',
    ),
  MAX_BODY_BYTES: whole(1024, 1_073_741_824).prefault('16777216').describe('Largest request body'),
  MAX_BATCH_DIES: whole(1, 100_000).prefault('1024').describe('Most dies in one call of /predict/batch'),
  REQUEST_TIMEOUT_MS: whole(100, DAY_MS)
    .prefault('30000')
    .describe('A request whose bytes take longer to arrive is answered 408'),
  KEEP_ALIVE_TIMEOUT_MS: whole(1, DAY_MS)
    .prefault('75000')
    .describe('An idle connection is closed after this long; above the idle time-out of the load balancer'),
  GRPC: oneOf('on', 'preload', 'off')
    .prefault('on')
    .describe(
      'Whether gRPC is served on PORT: on loads it with the first connection that speaks HTTP/2, preload at the start, off never',
    ),
  GRPC_MAX_CONNECTION_AGE_MS: whole(0, DAY_MS)
    .prefault('0')
    .describe(
      'A gRPC connection is asked to end after about this long, so that calls spread over servers anew; 0 never',
    ),
  GRPC_MAX_CONNECTION_AGE_GRACE_MS: whole(0, DAY_MS)
    .prefault('30000')
    .describe('How long its calls may go on after that, before it is closed'),
  GRPC_KEEPALIVE_MS: whole(0, DAY_MS)
    .prefault('60000')
    .describe(
      'A gRPC connection that has been silent so long is pinged, and closed without an answer; 0 never',
    ),
  SHUTDOWN_DELAY_MS: whole(0, 600_000)
    .prefault('0')
    .describe('After SIGTERM: how long to go on serving, not ready, before new connections are refused'),
  SHUTDOWN_GRACE_MS: whole(100, 600_000)
    .prefault('10000')
    .describe('After SIGTERM: the process ends at the latest after this long, SHUTDOWN_DELAY_MS included'),
  LOG_LEVEL: oneOf(...levels)
    .prefault('info')
    .describe(`Least level that is logged: ${levels.join(', ')}`),
  LOG_PREDICTIONS: share.prefault('1').describe('Share of prediction requests that get a log line, 0 to 1'),
  API_KEYS_FILE: text.describe(
    'JSON file of API keys; without it and JWT_JWKS_FILE nobody is asked who they are',
  ),
  JWT_JWKS_FILE: text.describe('JSON Web Key Set of the issuer whose tokens are accepted'),
  JWT_ISSUER: text.describe('Issuer (iss) that tokens must name'),
  JWT_AUDIENCE: text.describe('Audience (aud) that tokens must name'),
  METRICS_ACCESS: oneOf('open', 'read')
    .prefault('open')
    .describe('Who may read /metrics: open for everybody, read for holders of that permission'),
  DOCS_ACCESS: oneOf('open', 'read', 'off')
    .prefault('open')
    .describe(
      'Who may read /docs and /openapi.json: open for everybody, read for holders of that permission, or off',
    ),
  RATE_LIMIT_PER_SECOND: whole(0, 1_000_000)
    .prefault('0')
    .describe(
      'Prediction requests a second for each equipment (equipment_id, else key, else address); 0 for no limit',
    ),
  CALLER_RATE_LIMIT_PER_SECOND: whole(0, 1_000_000)
    .prefault('0')
    .describe(
      'Prediction requests a second for each key, else address, whatever equipment it names; 0 for no limit',
    ),
  TRUSTED_PROXIES: list(isNetwork, 'an address or a network such as 10.0.0.0/8')
    .optional()
    .describe('Proxies whose x-forwarded-for says who calls, separated by commas'),
  CORS_ORIGINS: list(isOrigin, 'an origin such as https://floor.example')
    .optional()
    .describe('Origins whose pages may call from a browser, separated by commas; none without it'),
  TLS_CERT_FILE: text.describe('PEM file of the certificate (chain); with it only HTTPS is served'),
  TLS_KEY_FILE: text.describe('PEM file of its key'),
  TLS_CLIENT_CA_FILE: text.describe(
    'PEM file of the authorities of client certificates; with it every client must present one',
  ),
  PROBE_PORT: whole(0, 65_535)
    .optional()
    .describe(
      'Port that serves /health and /ready (and /metrics if open) over plain HTTP; 0 takes a free one',
    ),
  RELOAD_INTERVAL_MS: whole(100, DAY_MS)
    .prefault('5000')
    .describe('How often the files of keys and certificates are looked at for changes'),
  MAX_CONNECTIONS: whole(1, 1_000_000)
    .prefault('4096')
    .describe('Open connections; one more is closed at once'),
  MAX_BUFFERED_BYTES: whole(1024, 1_099_511_627_776)
    .prefault('134217728')
    .describe(
      'Bytes of large bodies that may be arriving at a time, and of answers that wait for their readers',
    ),
  RECORDS_DIR: text.describe(
    'Folder in which a record of every die is kept, and proof that none was changed; none are kept without it',
  ),
  RECORDS_ACK: oneOf('buffered', 'durable')
    .prefault('buffered')
    .describe(
      'When a die is answered: at once, its record written some milliseconds later, or once it is durable',
    ),
  RECORDS_ON_STALL: oneOf('refuse', 'block', 'drop')
    .prefault('refuse')
    .describe(
      'While the disk takes no records: refuse dies (503, not ready), let answers wait, or drop records, counted and told by a record of the gap',
    ),
  RECORDS_INPUTS: keptInputs
    .prefault('none')
    .describe('Whose measurements are kept with their records: none, fails, all or sample:0.01 and the like'),
  RECORDS_BUFFER_MB: whole(1, 65_536)
    .prefault('64')
    .describe('Records and rows that may wait for the disk before RECORDS_ON_STALL decides'),
  RECORDS_SEGMENT_MB: whole(1, 4096)
    .prefault('64')
    .describe('A segment of records of this size is sealed, and the next one begun'),
  RECORDS_SEGMENT_MINUTES: whole(1, 1440).prefault('60').describe('And so is one of this age'),
  RECORDS_KEEP_DAYS: whole(1, 36_500)
    .prefault('90')
    .describe('Sealed segments that are older are removed; their checkpoints stay'),
  RECORDS_KEEP_MB: whole(1, 1_073_741_824)
    .prefault('20480')
    .describe('And so are the oldest beyond this size'),
  RECORDS_KEY_FILE: text.describe(
    'PEM file of the Ed25519 key that checkpoints of records are signed with; unsigned without it',
  ),
  RECORDS_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._:/-]{1,100}$/, {
      error: ({ input }) =>
        `expected 1 to 100 letters, digits, ".", "_", ":", "/" or "-", found "${String(input)}"`,
    })
    .prefault('diegate')
    .describe('Name of this log in its checkpoints: one for each server, such as fab1.example/gate3'),
  DRIFT_WINDOW_MINUTES: whole(6, 1440)
    .prefault('60')
    .describe('Dies of so many minutes are compared with the reference: 6 to 48 steps'),
  DRIFT_STEP_MINUTES: whole(1, 60)
    .prefault('5')
    .describe('How often drift is judged and the window moves on'),
  DRIFT_MINIMUM_DIES: whole(50, 1_000_000)
    .prefault('500')
    .describe('Dies in the window, of the product and of each equipment, before drift is judged'),
  DRIFT_WEBHOOK_URL: httpUrl
    .optional()
    .describe('Where an event is posted when drift starts or ends; needs DRIFT_WEBHOOK_SECRET_FILE'),
  DRIFT_WEBHOOK_SECRET_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('File with the key that events are signed with (HMAC-SHA256), at least 16 characters'),
  OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl
    .optional()
    .describe(
      'Base URL of an OpenTelemetry collector that takes OTLP over HTTP; without it no spans are made',
    ),
  OTEL_EXPORTER_OTLP_HEADERS: headerList
    .optional()
    .describe('Headers of every export: name=value, separated by commas, values percent-encoded'),
  OTEL_SERVICE_NAME: z
    .string()
    .min(1)
    .max(255)
    .prefault('diegate')
    .describe('Name of this service in its spans'),
  OTEL_TRACES_SAMPLER_ARG: share
    .prefault('1')
    .describe('Share of the prediction requests without a traceparent that are traced; others as it says'),
});

type Settings = z.output<typeof ConfigSchema>;

/** Settings that make no sense together: one line for each problem. */
function contradictionsOf(settings: Settings): string[] {
  const { SHUTDOWN_GRACE_MS: grace, SHUTDOWN_DELAY_MS: delay, MAX_BODY_BYTES: body } = settings;
  const problems: string[] = [];
  const together = (...names: (keyof Settings)[]) => {
    const missing = names.filter((name) => settings[name] === undefined);
    if (missing.length === names.length) return;
    for (const name of missing) {
      const others = names.filter((other) => settings[other] !== undefined);
      problems.push(`${name}: expected beside ${others.join(' and ')}, found nothing`);
    }
  };
  if (grace <= delay) {
    problems.push(`SHUTDOWN_GRACE_MS: expected more than SHUTDOWN_DELAY_MS (${delay}), found ${grace}`);
  }
  together('JWT_JWKS_FILE', 'JWT_ISSUER', 'JWT_AUDIENCE');
  together('TLS_CERT_FILE', 'TLS_KEY_FILE');
  if (settings.TLS_CLIENT_CA_FILE !== undefined && settings.TLS_CERT_FILE === undefined) {
    problems.push('TLS_CERT_FILE: expected beside TLS_CLIENT_CA_FILE, found nothing');
  }
  for (const name of ['METRICS_ACCESS', 'DOCS_ACCESS'] as const) {
    if (settings[name] !== 'read') continue;
    if (settings.API_KEYS_FILE ?? settings.JWT_JWKS_FILE) continue;
    problems.push(`${name}: "read" needs API_KEYS_FILE or JWT_JWKS_FILE, found neither`);
  }
  const { DRIFT_WINDOW_MINUTES: window, DRIFT_STEP_MINUTES: step } = settings;
  if (window % step !== 0 || window < DRIFT_STEPS.least * step || window > DRIFT_STEPS.most * step) {
    problems.push(
      `DRIFT_WINDOW_MINUTES: expected ${DRIFT_STEPS.least} to ${DRIFT_STEPS.most} whole steps of DRIFT_STEP_MINUTES (${step}), found ${window}`,
    );
  }
  const signers = settings.MODEL_SIGNATURE_KEYS ?? settings.MODEL_SIGNATURE_AUTHORITIES;
  if ((settings.MODEL_SIGNATURES === 'off') !== (signers === undefined)) {
    problems.push(
      signers === undefined
        ? `MODEL_SIGNATURES: "${settings.MODEL_SIGNATURES}" needs MODEL_SIGNATURE_KEYS or MODEL_SIGNATURE_AUTHORITIES, found neither`
        : 'MODEL_SIGNATURES: expected warn or require beside keys or authorities, found "off"',
    );
  }
  if (settings.RECORDS_ACK === 'durable' && settings.RECORDS_ON_STALL === 'drop')
    problems.push('RECORDS_ON_STALL: expected refuse or block beside RECORDS_ACK "durable", found "drop"');
  if (settings.RECORDS_KEY_FILE !== undefined && settings.RECORDS_DIR === undefined)
    problems.push('RECORDS_DIR: expected beside RECORDS_KEY_FILE, found nothing');
  together('DRIFT_WEBHOOK_URL', 'DRIFT_WEBHOOK_SECRET_FILE');
  if (settings.MAX_BUFFERED_BYTES < body) {
    problems.push(
      `MAX_BUFFERED_BYTES: expected at least MAX_BODY_BYTES (${body}), found ${settings.MAX_BUFFERED_BYTES}`,
    );
  }
  return problems;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type Config = Readonly<Settings>;

/**
 * Reads the settings from an environment. An empty variable counts as not set.
 * @throws Fault `invalid_config` with one line for each bad setting, naming variable, value and bounds
 */
export function readConfig(environment: Environment): Config {
  const set = Object.fromEntries(
    Object.keys(ConfigSchema.shape).flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = ConfigSchema.safeParse(set);
  if (!parsed.success) {
    throw new Fault(
      'invalid_config',
      parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`),
    );
  }
  const contradictions = contradictionsOf(parsed.data);
  if (contradictions.length > 0) throw new Fault('invalid_config', contradictions);
  return Object.freeze(parsed.data);
}

/** One row of the table of settings. */
interface SettingDoc {
  readonly name: string;
  readonly defaultText: string;
  readonly meaning: string;
}

/** The table of settings, for `--help` and the README. */
export function describeSettings(): SettingDoc[] {
  return Object.entries(ConfigSchema.shape).map(([name, schema]) => {
    const fallback =
      name === 'INFERENCE_WORKERS' ? 'cores - 1, at least 1' : schema.safeParse(undefined).data;
    return {
      name,
      defaultText: fallback === undefined ? 'not set' : String(fallback),
      meaning: schema.description ?? '',
    };
  });
}
