import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/**
 * The rooms of src/ and what each may import: `room` for anything in it, `room/**` for the rooms within
 * it too, `type room` for types only. A room may always import itself. The longest matching path is a
 * file's room.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['server', 'cli', 'errors.ts'],
  server: [
    'callers',
    'config.ts',
    'doors/grpc',
    'doors/http',
    'drift',
    'errors.ts',
    'lifecycle',
    'models',
    'models/repository',
    'monitoring',
    'monitoring/metrics',
    'observers.ts',
    'oip',
    'prediction',
    'records',
    'routing',
    'secrets',
    'serving/**',
    'signatures',
    'tracing',
    'version.ts',
  ],
  callers: ['errors.ts', 'secrets', 'type serving'],
  secrets: ['errors.ts', 'type serving'],
  rows: ['die', 'errors.ts', 'models', 'rows/decode', 'type routing', 'type serving/batching'],
  'rows/decode': ['schema-faults.ts', 'die', 'errors.ts'],
  exchange: [
    'die',
    'errors.ts',
    'observers.ts',
    'rows',
    'rows/decode',
    'type callers',
    'type prediction',
    'type routing',
    'type serving/**',
    'type tracing',
  ],
  oip: ['schema-faults.ts', 'die', 'errors.ts', 'models', 'models/manifest', 'rows/decode', 'type lifecycle'],
  prediction: [
    'errors.ts',
    'observers.ts',
    'models/decision',
    'models/manifest',
    'type die',
    'type models',
    'type serving/**',
    'type tracing',
  ],
  routing: [
    'errors.ts',
    'models',
    'statistics',
    'traffic',
    'type die',
    'type models/**',
    'type prediction',
    'type serving/**',
  ],
  lifecycle: [
    'errors.ts',
    'models/**',
    'serving',
    'traffic',
    'type die',
    'type prediction',
    'type serving/**',
    'type signatures',
  ],
  'schema-faults.ts': [],
  'config.ts': ['errors.ts', 'setting-types.ts'],
  'setting-types.ts': [],
  'errors.ts': [],
  'observers.ts': [],
  'version.ts': [],
  die: ['schema-faults.ts', 'errors.ts'],
  statistics: [],
  models: ['errors.ts', 'type die', 'models/decision', 'models/manifest', 'type models/repository'],
  'models/graph': ['errors.ts'],
  'models/manifest': ['die', 'traffic'],
  'models/decision': ['type die', 'models/manifest', 'statistics'],
  'models/repository': [
    'schema-faults.ts',
    'die',
    'errors.ts',
    'models',
    'models/decision',
    'models/graph',
    'models/manifest',
    'traffic',
  ],
  records: ['errors.ts', 'die', 'serving', 'type exchange', 'type models', 'type prediction'],
  sources: ['schema-faults.ts', 'errors.ts', 'models/graph', 'type models/**'],
  signatures: ['schema-faults.ts', 'type config.ts', 'errors.ts', 'models/manifest', 'type models'],
  drift: [
    'errors.ts',
    'models/manifest',
    'statistics',
    'traffic',
    'type die',
    'type models/**',
    'type serving',
  ],
  serving: [
    'drift',
    'type models',
    'models',
    'models/manifest',
    'errors.ts',
    'serving/batching',
    'serving/workers',
  ],
  'serving/batching': ['errors.ts', 'observers.ts', 'type serving', 'type tracing'],
  'serving/express': [
    'observers.ts',
    'serving/batching',
    'serving/workers',
    'type drift',
    'type models/manifest',
    'type serving',
  ],
  'serving/workers': [
    'drift',
    'models/decision',
    'errors.ts',
    'observers.ts',
    'serving',
    'type models',
    'models/graph',
    'models/manifest',
  ],
  'doors/grpc': [
    'schema-faults.ts',
    'callers',
    'die',
    'doors/grpc/**',
    'errors.ts',
    'exchange',
    'oip',
    'rows',
    'rows/decode',
    'secrets',
    'type lifecycle',
    'type models',
    'type prediction',
    'type routing',
    'type serving',
    'tracing',
  ],
  'doors/grpc/http2': [],
  'doors/grpc/messages': [],
  'doors/http': [
    'schema-faults.ts',
    'callers',
    'die',
    'doors/http/**',
    'errors.ts',
    'exchange',
    'oip',
    'rows',
    'rows/decode',
    'secrets',
    'type lifecycle',
    'type models',
    'type prediction',
    'type routing',
    'type serving/**',
    'type tracing',
  ],
  'doors/http/oip': [
    'schema-faults.ts',
    'callers',
    'die',
    'doors/http',
    'doors/http/schemas',
    'errors.ts',
    'oip',
    'rows',
    'rows/decode',
    'type doors/http/plugins',
    'type exchange',
    'type prediction',
    'type routing',
  ],
  'doors/http/direct': [
    'callers',
    'die',
    'doors/http',
    'doors/http/plugins',
    'doors/http/schemas',
    'errors.ts',
    'exchange',
    'rows',
    'type prediction',
    'type routing',
    'type serving/**',
  ],
  'doors/http/openapi': [
    'die',
    'doors/http/oip',
    'doors/http/schemas',
    'drift',
    'errors.ts',
    'models/manifest',
    'oip',
    'type callers',
  ],
  'doors/http/plugins': [
    'callers',
    'doors/http',
    'doors/http/openapi',
    'doors/http/schemas',
    'errors.ts',
    'exchange',
    'secrets',
    'tracing',
    'type serving',
  ],
  'doors/http/schemas': [
    'rows/decode',
    'schema-faults.ts',
    'die',
    'errors.ts',
    'exchange',
    'models',
    'models/manifest',
    'models/repository',
    'traffic',
    'type routing',
  ],
  'doors/http/routes': [
    'callers',
    'die',
    'doors/http',
    'doors/http/schemas',
    'drift',
    'errors.ts',
    'models',
    'records',
    'rows',
    'rows/decode',
    'traffic',
    'type exchange',
    'type lifecycle',
    'type prediction',
    'type routing',
    'type serving/batching',
  ],
  monitoring: [
    'type config.ts',
    'type records',
    'type die',
    'type drift',
    'type errors.ts',
    'models',
    'type prediction',
    'type serving/**',
    'monitoring/metrics',
  ],
  'monitoring/metrics': [
    'type drift',
    'type records',
    'type die',
    'type errors.ts',
    'type lifecycle',
    'type models',
    'type models/repository',
    'type prediction',
    'type routing',
    'type serving/**',
    'type traffic',
    'type tracing/otlp',
  ],
  tracing: ['type config.ts', 'type errors.ts', 'tracing/otlp', 'version.ts'],
  'tracing/otlp': ['tracing', 'type serving/**'],
  traffic: ['errors.ts', 'type die', 'statistics'],
  stdf: ['errors.ts', 'type die', 'unpack'],
  unpack: [],
  screens: ['statistics'],
  lots: ['die', 'errors.ts', 'stdf', 'type models/manifest', 'wafermap'],
  wafermap: ['type die'],
  mapfile: ['errors.ts', 'wafermap'],
  replay: ['die', 'errors.ts', 'doors/http/schemas', 'lots', 'stdf', 'type models/manifest', 'type wafermap'],
  training: [
    'die',
    'errors.ts',
    'lots',
    'models/**',
    'screens',
    'statistics',
    'stdf',
    'unpack',
    'version.ts',
  ],
  backup: ['errors.ts', 'models/manifest'],
  cli: [
    'backup',
    'records',
    'config.ts',
    'die',
    'drift',
    'errors.ts',
    'callers',
    'server',
    'models/**',
    'serving/**',
    'lots',
    'mapfile',
    'replay',
    'screens',
    'signatures',
    'sources',
    'statistics',
    'stdf',
    'training',
    'unpack',
    'wafermap',
    'version.ts',
  ],
};

/** The only rooms that may import a package, for those packages that belong to one room. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  fastify: ['doors/http/**', 'type callers', 'type secrets', 'type server'],
  'fastify-plugin': ['doors/http/plugins'],
  '@fastify/cors': ['doors/http/plugins'],
  '@fastify/proxy-addr': ['callers'],
  '@fastify/swagger': ['doors/http/plugins'],
  '@fastify/swagger-ui': ['doors/http/plugins'],
  '@sigstore/core': ['signatures'],
  jose: ['callers'],
  'fast-json-stringify': [],
  'onnxruntime-node': ['serving/workers'],
  'prom-client': ['monitoring/metrics', 'type monitoring'],
  pino: ['monitoring', 'type lifecycle', 'type server'],
  '@opentelemetry/api': ['tracing/otlp'],
  '@opentelemetry/core': ['tracing/otlp'],
  '@opentelemetry/otlp-exporter-base': ['tracing/otlp'],
  '@opentelemetry/otlp-transformer': ['tracing/otlp'],
  '@opentelemetry/resources': ['tracing/otlp'],
  '@opentelemetry/sdk-trace': ['tracing/otlp'],
  'close-with-grace': ['server'],
  commander: ['cli'],
  'csv-parse': ['training/**', 'cli'],
  'ml-matrix': ['training'],
  '@bufbuild/protobuf': ['doors/grpc/**', 'models/graph'],
  pbf: ['training'],
  hyparquet: ['records', 'training'],
  'hyparquet-writer': ['cli', 'records'],
  '@rgrove/parse-xml': ['mapfile'],
  'modern-tar': ['backup', 'sources'],
  yaml: ['sources'],
  fzstd: ['unpack'],
  'unbzip2-stream': ['unpack'],
  'xz-decompress': ['unpack'],
  'xxhash-wasm': ['unpack'],
  yauzl: ['unpack'],
};

/** Where the parts of the server are put together. */
const WIRING = ['server/serve.ts', 'server/app.ts', 'server/serving-side.ts', 'server/http-side.ts'];

/** Who may read the environment; the worker's process passes it on and switches telemetry off in it. */
const READERS_OF_THE_ENVIRONMENT = [
  'main.ts',
  'serving/workers/telemetry-off.ts',
  'serving/workers/worker-process.ts',
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  /** `import()`: loaded when it is reached, not with the file. */
  readonly atUse: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split('\\').join('/'))
  .sort();
const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const code = readFileSync(join(SRC, file), 'utf8');
  const statements = [
    ...code.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?)\s*from\s*['"]([^'"]+)['"]/gm),
  ].map((match) => ({
    // `import { type A, type B }` imports types only too: the compiler leaves nothing of it but the name.
    typeOnly: match[1] !== undefined || isTypesOnly(match[2] ?? ''),
    to: match[3] ?? '',
    atUse: false,
  }));
  const bare = [...code.matchAll(/^import\s+['"]([^'"]+)['"]/gm)];
  const dynamic = [...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)];
  const values = [
    ...bare.map((match) => ({ typeOnly: false, to: match[1] ?? '', atUse: false })),
    ...dynamic.map((match) => ({ typeOnly: false, to: match[1] ?? '', atUse: true })),
  ];
  return [...statements, ...values].map(({ to, ...how }) => ({ from: file, to: targetOf(file, to), ...how }));
}

function isTypesOnly(clause: string): boolean {
  const names = /^\{(.*)\}$/s
    .exec(clause.trim())?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '') ?? [''];
  return names.every((name) => name.trim().startsWith('type '));
}

/** A path in src/ for a relative import, else the name of the package. */
function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) {
    const path = join(SRC, dirname(file), specifier.replace(/\.js$/, '.ts'));
    return relative(SRC, path).split('\\').join('/');
  }
  return specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] ?? '');
}

function roomOf(file: string): string {
  for (let path = file; path !== '.'; path = posix.dirname(path)) if (path in ARROWS) return path;
  return expect.fail(`${file} is in no room: say in ARROWS what it may import`);
}

/** Whether the rooms that are named allow an import of this room, for types only or for values too. */
function allows(allowed: readonly string[], room: string, typeOnly: boolean): boolean {
  return allowed.some((name) => {
    const outer = name.replace(/^type /, '');
    const within = outer.endsWith('/**') && `${room}/`.startsWith(outer.slice(0, -2));
    return (within || outer === room) && (typeOnly || outer === name);
  });
}

const internal = imports.filter(({ to }) => files.includes(to));

test('every file of src/ is in a room, and every relative import is a file', () => {
  for (const file of files) roomOf(file);
  const missing = imports.filter(({ to }) => to.endsWith('.ts') && !files.includes(to));
  expect(missing).toEqual([]);
  expect(internal.length).toBeGreaterThan(100);
});

test('every import follows an arrow', () => {
  const wrong = internal.filter(({ from, to, typeOnly }) => {
    const [own, other] = [roomOf(from), roomOf(to)];
    return own !== other && !allows(ARROWS[own] ?? [], other, typeOnly);
  });
  expect(wrong.map(({ from, to, typeOnly }) => `${from} -> ${typeOnly ? 'type ' : ''}${to}`)).toEqual([]);
});

describe('a package that belongs to one room is imported only there', () => {
  test.each(Object.entries(PACKAGES))('%s', (name, rooms) => {
    const wrong = imports.filter(
      ({ from, to, typeOnly }) => to === name && !allows(rooms, roomOf(from), typeOnly),
    );
    expect(wrong.map(({ from }) => from)).toEqual([]);
  });
});

test('only the session of a worker loads ONNX Runtime', () => {
  const loading = imports.filter(({ to }) => to === 'onnxruntime-node').map(({ from }) => from);
  expect(loading).toEqual(['serving/workers/session.ts']);
  const code = readFileSync(join(SRC, 'serving/workers/session.ts'), 'utf8');
  expect(code.split('\n')[0], 'telemetry is off before it loads').toBe("import './telemetry-off.js';");
});

test('the server imports OpenTelemetry only where tracing is switched on', () => {
  const importers = internal.filter(({ to, typeOnly }) => to.startsWith('tracing/otlp/') && !typeOnly);
  const outside = importers.filter(({ from }) => !from.startsWith('tracing/otlp/'));
  expect(outside.map(({ from }) => from)).toEqual(['tracing/start-tracing.ts']);
  const code = readFileSync(join(SRC, 'tracing/start-tracing.ts'), 'utf8');
  expect(code).toContain("await import('./otlp/tracing.js')");
});

/** The packages that a module loads with all that it imports, but for what is imported at use. */
function packagesLoadedBy(entry: string): string[] {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    for (const { from, to, typeOnly, atUse } of imports) {
      // The parts of the server are imported at use too, in the order of what takes longest.
      const later = atUse && !WIRING.includes(from);
      if (from !== file || typeOnly || later || loaded.has(to)) continue;
      loaded.add(to);
      load(to);
    }
  };
  load(entry);
  return [...loaded].filter((to) => !to.endsWith('.ts') && !to.startsWith('node:')).sort();
}

test('a start loads no package that only some servers, or only a first look, need', () => {
  expect(packagesLoadedBy('server/serve.ts')).toEqual([
    '@fastify/proxy-addr',
    'close-with-grace',
    'fastify',
    'fastify-plugin',
    'pino',
    'prom-client',
    'zod',
  ]);
});

test('a worker loads no package but ONNX Runtime before a graph asks for more: its successor waits for each', () => {
  expect(packagesLoadedBy('serving/workers/worker.ts')).toEqual(['onnxruntime-node']);
});

test('nobody on the way of a die imports monitoring', () => {
  const importers = internal.filter(({ to }) => to.startsWith('monitoring/')).map(({ from }) => roomOf(from));
  expect(importers.filter((room) => room !== 'server' && !room.startsWith('monitoring'))).toEqual([]);
});

test('only the process itself reads the environment', () => {
  const readers = files.filter((file) => /\bprocess\.env\b/.test(readFileSync(join(SRC, file), 'utf8')));
  expect(readers.filter((file) => !READERS_OF_THE_ENVIRONMENT.includes(file))).toEqual([]);
});

test('no circle of imports between files, not even of types', () => {
  const loaded = internal.filter(({ atUse }) => !atUse);
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
    loaded
      .filter((edge) => edge.from === from && !seen.has(edge.to))
      .some(({ to }) => to === goal || reaches(to, goal, seen.add(to)));
  expect(files.filter((file) => reaches(file, file))).toEqual([]);
});
