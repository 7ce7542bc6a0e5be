import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ConfigSchema, describeSettings, type Environment, readConfig } from '../src/config.js';
import { Fault } from '../src/errors.js';

/** The problems of a configuration that is refused. */
function problemsOf(environment: Environment): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid_config') return error.problems;
    throw error;
  }
  return expect.fail(`accepted ${JSON.stringify(environment)}`);
}

const DEFAULTS = {
  HOST: '0.0.0.0',
  PORT: 8000,
  MODEL_REPOSITORY: 'models',
  MODEL_SIGNATURES: 'off',
  REPOSITORY_WATCH_MS: 0,
  LAZY_MEMORY_MB: 512,
  LAZY_WAIT_MS: 0,
  INFERENCE_WORKERS: Math.max(1, availableParallelism() - 1),
  STANDBY_WORKERS: 0,
  INTRA_OP_THREADS: 1,
  BATCH_TIMEOUT_MS: 10_000,
  EXPRESS_DIES: 0,
  MAX_BODY_BYTES: 16_777_216,
  MAX_BATCH_DIES: 1024,
  REQUEST_TIMEOUT_MS: 30_000,
  KEEP_ALIVE_TIMEOUT_MS: 75_000,
  GRPC: 'on',
  GRPC_MAX_CONNECTION_AGE_MS: 0,
  GRPC_MAX_CONNECTION_AGE_GRACE_MS: 30_000,
  GRPC_KEEPALIVE_MS: 60_000,
  SHUTDOWN_DELAY_MS: 0,
  SHUTDOWN_GRACE_MS: 10_000,
  LOG_LEVEL: 'info',
  LOG_PREDICTIONS: 1,
  METRICS_ACCESS: 'open',
  DOCS_ACCESS: 'open',
  RATE_LIMIT_PER_SECOND: 0,
  CALLER_RATE_LIMIT_PER_SECOND: 0,
  RELOAD_INTERVAL_MS: 5_000,
  MAX_CONNECTIONS: 4096,
  MAX_BUFFERED_BYTES: 134_217_728,
  RECORDS_ACK: 'buffered',
  RECORDS_ON_STALL: 'refuse',
  RECORDS_INPUTS: 'none',
  RECORDS_BUFFER_MB: 64,
  RECORDS_SEGMENT_MB: 64,
  RECORDS_SEGMENT_MINUTES: 60,
  RECORDS_KEEP_DAYS: 90,
  RECORDS_KEEP_MB: 20_480,
  RECORDS_NAME: 'diegate',
  DRIFT_WINDOW_MINUTES: 60,
  DRIFT_STEP_MINUTES: 5,
  DRIFT_MINIMUM_DIES: 500,
  OTEL_SERVICE_NAME: 'diegate',
  OTEL_TRACES_SAMPLER_ARG: 1,
};

const NOT_SET = [
  ...['API_KEYS_FILE', 'JWT_JWKS_FILE', 'JWT_ISSUER', 'JWT_AUDIENCE', 'TRUSTED_PROXIES', 'CORS_ORIGINS'],
  ...['TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CLIENT_CA_FILE', 'PROBE_PORT', 'SERVING_FILE'],
  ...['DRIFT_WEBHOOK_URL', 'DRIFT_WEBHOOK_SECRET_FILE', 'RECORDS_DIR', 'RECORDS_KEY_FILE'],
  ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS'],
];

/** Least and greatest value of each number. */
const BOUNDS = {
  PORT: [0, 65_535],
  REPOSITORY_WATCH_MS: [0, 86_400_000],
  LAZY_MEMORY_MB: [1, 1_048_576],
  LAZY_WAIT_MS: [0, 600_000],
  INFERENCE_WORKERS: [1, 64],
  STANDBY_WORKERS: [0, 1],
  INTRA_OP_THREADS: [1, 64],
  BATCH_TIMEOUT_MS: [10, 86_400_000],
  EXPRESS_DIES: [0, 64],
  MAX_BODY_BYTES: [1024, 1_073_741_824],
  MAX_BATCH_DIES: [1, 100_000],
  REQUEST_TIMEOUT_MS: [100, 86_400_000],
  KEEP_ALIVE_TIMEOUT_MS: [1, 86_400_000],
  GRPC_MAX_CONNECTION_AGE_MS: [0, 86_400_000],
  GRPC_MAX_CONNECTION_AGE_GRACE_MS: [0, 86_400_000],
  GRPC_KEEPALIVE_MS: [0, 86_400_000],
  SHUTDOWN_DELAY_MS: [0, 600_000],
  SHUTDOWN_GRACE_MS: [100, 600_000],
  RATE_LIMIT_PER_SECOND: [0, 1_000_000],
  CALLER_RATE_LIMIT_PER_SECOND: [0, 1_000_000],
  RECORDS_BUFFER_MB: [1, 65_536],
  RECORDS_SEGMENT_MB: [1, 4096],
  RECORDS_SEGMENT_MINUTES: [1, 1440],
  RECORDS_KEEP_DAYS: [1, 36_500],
  RECORDS_KEEP_MB: [1, 1_073_741_824],
  PROBE_PORT: [0, 65_535],
  RELOAD_INTERVAL_MS: [100, 86_400_000],
  MAX_CONNECTIONS: [1, 1_000_000],
  MAX_BUFFERED_BYTES: [1024, 1_099_511_627_776],
} as const;

/** What else must be set for the bounds of a setting, where there is a rule between two. */
const BESIDE: Readonly<Record<string, Environment>> = {
  SHUTDOWN_DELAY_MS: { SHUTDOWN_GRACE_MS: '600000' },
  MAX_BODY_BYTES: { MAX_BUFFERED_BYTES: '1099511627776' },
  MAX_BUFFERED_BYTES: { MAX_BODY_BYTES: '1024' },
};

test('an empty environment gives the defaults', () => {
  expect(readConfig({})).toEqual(DEFAULTS);
});

test('an empty variable counts as not set, and unknown ones do not matter', () => {
  const empty = Object.fromEntries(Object.keys(ConfigSchema.shape).map((name) => [name, '']));
  expect(readConfig({ ...empty, PATH: '/bin', port: '1' })).toEqual(DEFAULTS);
});

test('a configuration is frozen', () => {
  expect(Object.isFrozen(readConfig({}))).toBe(true);
});

describe.each(Object.entries(BOUNDS))('%s', (name, [least, most]) => {
  const rest = BESIDE[name] ?? {};

  test(`is a whole number from ${least} to ${most}`, () => {
    expect(readConfig({ ...rest, [name]: String(least) })).toHaveProperty(name, least);
    const highest = name === 'SHUTDOWN_DELAY_MS' ? most - 1 : most;
    expect(readConfig({ ...rest, [name]: String(highest) })).toHaveProperty(name, highest);
  });

  test.each([
    String(most + 1),
    '-1',
    '1.5',
    '1e3',
    '0x10',
    ' 8',
    '8 ',
    '1_000',
    'abc',
    'NaN',
    '9'.repeat(30),
  ])('is refused as %j, in one line that names it', (value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(`${name}: expected a whole number from ${least} to ${most}, found`);
    expect(problems[0]).toContain(value);
  });

  test.runIf(least > 0)('is refused below its least value', () => {
    expect(problemsOf({ [name]: String(least - 1) })).toHaveLength(1);
  });
});

test.each(['0', '1', '0.5', '.25', '1.0'])('LOG_PREDICTIONS may be %s', (value) => {
  expect(readConfig({ LOG_PREDICTIONS: value }).LOG_PREDICTIONS).toBe(Number(value));
});

test.each(['1.1', '-0.1', '50%', 'true', '0,5', 'Infinity'])('LOG_PREDICTIONS is refused as %s', (value) => {
  expect(problemsOf({ LOG_PREDICTIONS: value })).toEqual([
    `LOG_PREDICTIONS: expected a number from 0 to 1, found "${value}"`,
  ]);
});

test.each(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])('LOG_LEVEL may be %s', (level) => {
  expect(readConfig({ LOG_LEVEL: level }).LOG_LEVEL).toBe(level);
});

test('LOG_LEVEL is refused with the levels there are', () => {
  expect(problemsOf({ LOG_LEVEL: 'INFO' })).toEqual([
    'LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, found "INFO"',
  ]);
});

test('text settings are taken as they are', () => {
  const given = { HOST: '::1', MODEL_REPOSITORY: '/srv/models', API_KEYS_FILE: '/run/keys.json' };
  expect(readConfig(given)).toMatchObject(given);
});

test.each(['http://collector:4318', 'https://10.0.0.1/otlp/', 'http://[::1]:4318'])(
  'OTEL_EXPORTER_OTLP_ENDPOINT may be %s',
  (value) => {
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: value }).OTEL_EXPORTER_OTLP_ENDPOINT).toBe(value);
  },
);

test.each([
  'collector:4318',
  'localhost',
  '/otlp',
  'file:///tmp/x',
  'http://x/?a=b',
  'http://x/#y',
  'http://',
])('OTEL_EXPORTER_OTLP_ENDPOINT is refused as %s', (value) => {
  expect(problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: value })).toEqual([
    `OTEL_EXPORTER_OTLP_ENDPOINT: expected an http or https URL without user, query and fragment, found "${value}"`,
  ]);
});

test('OTEL_EXPORTER_OTLP_HEADERS are pairs with percent-encoded values', () => {
  const headers = (text: string) =>
    readConfig({ OTEL_EXPORTER_OTLP_HEADERS: text }).OTEL_EXPORTER_OTLP_HEADERS;
  expect(headers('Authorization=Bearer%20a%3Db , x-tenant = fab1')).toEqual({
    authorization: 'Bearer a=b',
    'x-tenant': 'fab1',
  });
  expect(headers('a=b=c')).toEqual({ a: 'b=c' });
});

test.each([
  'hunter2',
  '=hunter2',
  'a=hunter2,',
  'a b=hunter2',
  'a=hunter2%',
  'a=hunter2%0d%0ax:y',
  'a=hunter2%C3%A9',
])('OTEL_EXPORTER_OTLP_HEADERS is refused as %s, without an echo of what may be secret', (value) => {
  expect(problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: value })).toEqual([
    'OTEL_EXPORTER_OTLP_HEADERS: expected name=value pairs with percent-encoded values, separated by commas',
  ]);
});

test('a password in the URL of the collector is refused and not echoed', () => {
  const [problem = ''] = problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:hunter2@collector:4318' });
  expect(problem).toMatch(/^OTEL_EXPORTER_OTLP_ENDPOINT: expected /);
  expect(problem).not.toContain('hunter2');
});

test('several bad settings give one line each', () => {
  const problems = problemsOf({ PORT: 'http', LOG_LEVEL: 'loud', MAX_BATCH_DIES: '0', HOST: 'localhost' });
  expect(problems.map((problem) => problem.split(':', 1)[0])).toEqual([
    'PORT',
    'MAX_BATCH_DIES',
    'LOG_LEVEL',
  ]);
});

test('the grace period must be longer than the delay that is a part of it', () => {
  expect(problemsOf({ SHUTDOWN_DELAY_MS: '5000', SHUTDOWN_GRACE_MS: '5000' })).toEqual([
    'SHUTDOWN_GRACE_MS: expected more than SHUTDOWN_DELAY_MS (5000), found 5000',
  ]);
  expect(readConfig({ SHUTDOWN_DELAY_MS: '5000', SHUTDOWN_GRACE_MS: '5001' }).SHUTDOWN_GRACE_MS).toBe(5001);
});

test('settings that need each other are refused alone, in one line for each that is missing', () => {
  expect(problemsOf({ JWT_JWKS_FILE: 'a', TLS_KEY_FILE: 'b', TLS_CLIENT_CA_FILE: 'c' })).toEqual([
    'JWT_ISSUER: expected beside JWT_JWKS_FILE, found nothing',
    'JWT_AUDIENCE: expected beside JWT_JWKS_FILE, found nothing',
    'TLS_CERT_FILE: expected beside TLS_KEY_FILE, found nothing',
    'TLS_CERT_FILE: expected beside TLS_CLIENT_CA_FILE, found nothing',
  ]);
  expect(problemsOf({ METRICS_ACCESS: 'read', DOCS_ACCESS: 'read' })).toEqual([
    'METRICS_ACCESS: "read" needs API_KEYS_FILE or JWT_JWKS_FILE, found neither',
    'DOCS_ACCESS: "read" needs API_KEYS_FILE or JWT_JWKS_FILE, found neither',
  ]);
  expect(problemsOf({ MAX_BUFFERED_BYTES: '2048' })).toEqual([
    'MAX_BUFFERED_BYTES: expected at least MAX_BODY_BYTES (16777216), found 2048',
  ]);
  const whole = { JWT_JWKS_FILE: 'a', JWT_ISSUER: 'b', JWT_AUDIENCE: 'c', METRICS_ACCESS: 'read' };
  expect(readConfig(whole)).toMatchObject(whole);
});

test('CORS_ORIGINS is a list of exact origins', () => {
  expect(readConfig({ CORS_ORIGINS: 'https://a.example, http://b:8080' }).CORS_ORIGINS).toEqual([
    'https://a.example',
    'http://b:8080',
  ]);
  for (const wrong of ['*', 'a.example', 'https://a.example/', 'https://*.example', 'null', 'ftp://a']) {
    expect(problemsOf({ CORS_ORIGINS: wrong })).toEqual([
      `CORS_ORIGINS: expected an origin such as https://floor.example, found "${wrong}"`,
    ]);
  }
});

test('the drift window is 6 to 48 whole steps', () => {
  expect(readConfig({ DRIFT_WINDOW_MINUTES: '48', DRIFT_STEP_MINUTES: '1' }).DRIFT_WINDOW_MINUTES).toBe(48);
  for (const [window, step] of [
    ['62', '5'],
    ['25', '5'],
    ['49', '1'],
  ] as const) {
    expect(problemsOf({ DRIFT_WINDOW_MINUTES: window, DRIFT_STEP_MINUTES: step })).toEqual([
      `DRIFT_WINDOW_MINUTES: expected 6 to 48 whole steps of DRIFT_STEP_MINUTES (${step}), found ${window}`,
    ]);
  }
});

test('TRUSTED_PROXIES is a list of addresses and networks', () => {
  const { TRUSTED_PROXIES } = readConfig({ TRUSTED_PROXIES: '10.0.0.0/8,::1,fd00::/8' });
  expect(TRUSTED_PROXIES).toEqual(['10.0.0.0/8', '::1', 'fd00::/8']);
  for (const wrong of ['true', 'proxy', '10.0.0.0/33', '10.0.0/8', '::1/129', '10.0.0.1/8/8']) {
    expect(problemsOf({ TRUSTED_PROXIES: wrong })).toEqual([
      `TRUSTED_PROXIES: expected an address or a network such as 10.0.0.0/8, found "${wrong}"`,
    ]);
  }
});

test('the drift webhook needs its address and the key that signs, or neither', () => {
  const both = { DRIFT_WEBHOOK_URL: 'https://retrain.local/hook', DRIFT_WEBHOOK_SECRET_FILE: '/run/key' };
  expect(readConfig(both)).toMatchObject(both);
  expect(problemsOf({ DRIFT_WEBHOOK_URL: 'http://a' })).toEqual([
    'DRIFT_WEBHOOK_SECRET_FILE: expected beside DRIFT_WEBHOOK_URL, found nothing',
  ]);
  expect(problemsOf({ DRIFT_WEBHOOK_SECRET_FILE: '/run/key' })).toEqual([
    'DRIFT_WEBHOOK_URL: expected beside DRIFT_WEBHOOK_SECRET_FILE, found nothing',
  ]);
  expect(problemsOf({ ...both, DRIFT_WEBHOOK_URL: 'ftp://a' })).toEqual([
    'DRIFT_WEBHOOK_URL: expected an http or https URL, found "ftp://a"',
  ]);
});

test('every setting is described with its default and its meaning', () => {
  const described = describeSettings();
  expect(described.map(({ name }) => name)).toEqual(Object.keys(ConfigSchema.shape));
  for (const { name, meaning } of described) expect(meaning, name).toMatch(/^[A-Z]/);
  const defaults = Object.fromEntries(described.map(({ name, defaultText }) => [name, defaultText]));
  expect(defaults).toEqual({
    ...Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, String(value)])),
    INFERENCE_WORKERS: 'cores - 1, at least 1',
    MODEL_SIGNATURE_KEYS: 'not set',
    MODEL_SIGNATURE_AUTHORITIES: 'not set',
    ...Object.fromEntries(NOT_SET.map((name) => [name, 'not set'])),
  });
});

test('which measurements records keep is said in words, or as a share', () => {
  expect(readConfig({ RECORDS_INPUTS: 'fails' }).RECORDS_INPUTS).toBe('fails');
  expect(readConfig({ RECORDS_INPUTS: 'sample:0.01' }).RECORDS_INPUTS).toEqual({ share: 0.01 });
  for (const wrong of ['some', 'sample', 'sample:2', 'sample:'])
    expect(problemsOf({ RECORDS_INPUTS: wrong })).toEqual([
      `RECORDS_INPUTS: expected none, fails, all or sample: and a number from 0 to 1, found "${wrong}"`,
    ]);
});

test('records that answers wait for are never dropped, and a key without records signs nothing', () => {
  expect(problemsOf({ RECORDS_DIR: 'r', RECORDS_ACK: 'durable', RECORDS_ON_STALL: 'drop' })).toEqual([
    'RECORDS_ON_STALL: expected refuse or block beside RECORDS_ACK "durable", found "drop"',
  ]);
  expect(problemsOf({ RECORDS_KEY_FILE: 'k' })).toEqual([
    'RECORDS_DIR: expected beside RECORDS_KEY_FILE, found nothing',
  ]);
  expect(problemsOf({ RECORDS_NAME: 'two words' })[0]).toMatch(/^RECORDS_NAME: expected 1 to 100 letters/);
});
