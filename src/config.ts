import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { Fault } from './errors.js';

const DAY_MS = 86_400_000;
// Below so many steps nobody can say how much a mean wanders from step to step; each is kept in memory.
const DRIFT_STEPS = { least: 6, most: 48 };

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

/** An address that events are posted to. */
const httpUrl = z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
  error: ({ input }) => `expected an http or https URL, found "${String(input)}"`,
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
  const problems = disagreements(parsed.data);
  if (problems.length > 0) throw new Fault('invalid_config', problems);
  return Object.freeze(parsed.data);
}

/** Settings that are each valid and do not go together. */
function disagreements(config: Config): string[] {
  const { SHUTDOWN_GRACE_MS: grace, SHUTDOWN_DELAY_MS: delay } = config;
  const { DRIFT_WINDOW_MINUTES: window, DRIFT_STEP_MINUTES: step } = config;
  const { DRIFT_WEBHOOK_URL: url, DRIFT_WEBHOOK_SECRET_FILE: secret } = config;
  return [
    ...(grace > delay
      ? []
      : [`SHUTDOWN_GRACE_MS: expected more than SHUTDOWN_DELAY_MS (${delay}), found ${grace}`]),
    ...(window % step === 0 && window >= DRIFT_STEPS.least * step && window <= DRIFT_STEPS.most * step
      ? []
      : [
          `DRIFT_WINDOW_MINUTES: expected ${DRIFT_STEPS.least} to ${DRIFT_STEPS.most} whole steps of DRIFT_STEP_MINUTES (${step}), found ${window}`,
        ]),
    ...((url === undefined) === (secret === undefined)
      ? []
      : ['DRIFT_WEBHOOK_URL and DRIFT_WEBHOOK_SECRET_FILE: expected both or neither, found one']),
  ];
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
