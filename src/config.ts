import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { Fault } from './errors.js';

const DAY_MS = 86_400_000;

/** A whole number in an environment variable. */
function whole(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, {
      error: ({ input }) => `expected a whole number from ${min} to ${max}, found "${input}"`,
    })
    .transform(Number)
    .refine((n) => n >= min && n <= max, {
      error: ({ input }) => `expected a whole number from ${min} to ${max}, found ${String(input)}`,
    });
}

/** A number from 0 to 1 in an environment variable. */
const share = z
  .string()
  .regex(/^(0|1|0?\.\d{1,9}|1\.0{1,9})$/, {
    error: ({ input }) => `expected a number from 0 to 1, found "${input}"`,
  })
  .transform(Number);

/** A base URL that paths can be appended to. A password has no place in it, so one is never echoed either. */
const collectorUrl = z.string().refine(
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && !/[@?#]/.test(text);
  },
  {
    error: ({ input }) => {
      const found = typeof input === 'string' && !input.includes('@') ? `"${input}"` : 'one with an @';
      return `expected an http or https URL without user, query and fragment, found ${found}`;
    },
  },
);

/** `name=value,name=value` with percent-encoded values, as OpenTelemetry writes headers; never echoed. */
const headerList = z.string().transform((text, context) => {
  const pairs = text.split(',').map((pair) => /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*([!-~]*)\s*$/.exec(pair));
  try {
    return Object.fromEntries(
      pairs.map((pair): [string, string] => {
        const value = decodeURIComponent(pair?.[2] ?? '%');
        if (!/^[\x20-\x7e]*$/.test(value)) throw new URIError('a header is printable ASCII');
        return [(pair?.[1] ?? '').toLowerCase(), value];
      }),
    );
  } catch {
    context.addIssue('expected name=value pairs with percent-encoded values, separated by commas');
    return z.NEVER;
  }
});

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
  INTRA_OP_THREADS: whole(1, 64).prefault('1').describe('ONNX Runtime threads in each worker'),
  BATCH_TIMEOUT_MS: whole(10, DAY_MS)
    .prefault('10000')
    .describe('A batch that runs longer counts as hung: its worker is replaced'),
  MAX_BODY_BYTES: whole(1024, 1_073_741_824).prefault('16777216').describe('Largest request body'),
  MAX_BATCH_DIES: whole(1, 100_000).prefault('1024').describe('Most dies in one call of /predict/batch'),
  REQUEST_TIMEOUT_MS: whole(100, DAY_MS)
    .prefault('30000')
    .describe('A request whose bytes take longer to arrive is answered 408'),
  KEEP_ALIVE_TIMEOUT_MS: whole(1, DAY_MS)
    .prefault('75000')
    .describe('An idle connection is closed after this long; above the idle time-out of the load balancer'),
  SHUTDOWN_DELAY_MS: whole(0, 600_000)
    .prefault('0')
    .describe('After SIGTERM: how long to go on serving, not ready, before new connections are refused'),
  SHUTDOWN_GRACE_MS: whole(100, 600_000)
    .prefault('10000')
    .describe('After SIGTERM: the process ends at the latest after this long, SHUTDOWN_DELAY_MS included'),
  LOG_LEVEL: z
    .enum(levels, { error: ({ input }) => `expected one of ${levels.join(', ')}, found "${String(input)}"` })
    .prefault('info')
    .describe(`Least level that is logged: ${levels.join(', ')}`),
  LOG_PREDICTIONS: share.prefault('1').describe('Share of prediction requests that get a log line, 0 to 1'),
  API_KEYS_FILE: z
    .string()
    .min(1)
    .optional()
    .describe('JSON file of API keys; without it no key is asked for'),
  RATE_LIMIT_PER_SECOND: whole(0, 1_000_000)
    .prefault('0')
    .describe(
      'Prediction requests a second for each equipment (equipment_id, else key, else address); 0 for no limit',
    ),
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

export type Environment = Readonly<Record<string, string | undefined>>;

export type Config = Readonly<z.output<typeof ConfigSchema>>;

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
  if (parsed.data.SHUTDOWN_GRACE_MS <= parsed.data.SHUTDOWN_DELAY_MS) {
    const { SHUTDOWN_GRACE_MS: grace, SHUTDOWN_DELAY_MS: delay } = parsed.data;
    throw new Fault('invalid_config', [
      `SHUTDOWN_GRACE_MS: expected more than SHUTDOWN_DELAY_MS (${delay}), found ${grace}`,
    ]);
  }
  return Object.freeze(parsed.data);
}

/** One row of the table of settings. */
export interface SettingDoc {
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
