import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { RootSchema } from '../../../src/doors/http/schemas/status.js';
import { send } from '../../support/http.js';
import { sumVersion } from '../../support/models.js';
import { appForSuite } from '../../support/start-app.js';

const server = appForSuite(() => ({ versions: [sumVersion(512)] }));

const SchemaObject = z.looseObject({});
const ContentSchema = z.record(
  z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/),
  z.looseObject({ schema: SchemaObject }),
);
const ParameterSchema = z.looseObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  required: z.boolean().optional(),
  schema: SchemaObject,
});
const OperationSchema = z.looseObject({
  summary: z.string().min(1),
  tags: z.array(z.string()).min(1),
  parameters: z.array(ParameterSchema).optional(),
  operationId: z.string().regex(/^[a-z][A-Za-z0-9]+$/),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  requestBody: z.looseObject({ content: ContentSchema, required: z.boolean() }).optional(),
  responses: z.record(
    z.string().regex(/^([1-5]\d\d|[1-5]XX|default)$/),
    z.looseObject({
      description: z.string(),
      content: ContentSchema.optional(),
      headers: z.record(z.string(), SchemaObject),
    }),
  ),
});
/** What OpenAPI 3.1 asks of the parts that this document uses. */
const OpenApiSchema = z.looseObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  tags: z.array(z.looseObject({ name: z.string() })),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'post', 'head']), OperationSchema),
  ),
});

const readDocument = async () =>
  OpenApiSchema.parse(JSON.parse((await send(`${server().url}/openapi.json`)).body));

const ROUTES = {
  get: [
    '/',
    '/health',
    '/metrics',
    '/models',
    '/models/{model}',
    '/models/{model}/example',
    '/models/{model}/experiments',
    '/models/{model}/traffic',
    '/models/{model}/versions/{version}',
    '/models/{model}/versions/{version}/drift',
    '/models/{model}/versions/{version}/example',
    '/ready',
  ],
  post: [
    '/models/{model}/outcomes',
    '/models/{model}/predict',
    '/models/{model}/predict/batch',
    '/models/{model}/versions/{version}/predict',
    '/models/{model}/versions/{version}/predict/batch',
    '/predict',
    '/predict/batch',
  ],
} as const;

const PROTOCOL_ROUTES = {
  get: [
    '/v2',
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/stats',
    '/v2/models/{model}',
    '/v2/models/{model}/config',
    '/v2/models/{model}/ready',
    '/v2/models/{model}/stats',
    '/v2/models/{model}/versions/{version}',
    '/v2/models/{model}/versions/{version}/config',
    '/v2/models/{model}/versions/{version}/ready',
    '/v2/models/{model}/versions/{version}/stats',
  ],
  post: ['/v2/models/{model}/infer', '/v2/models/{model}/versions/{version}/infer', '/v2/repository/index'],
} as const;

describe('/openapi.json', () => {
  test('is OpenAPI 3.1 and has every route of the contract', async () => {
    const { paths } = await readDocument();
    for (const method of ['get', 'post'] as const) {
      const documented = Object.entries(paths).filter(([, operations]) => operations[method] !== undefined);
      expect(documented.map(([path]) => path).sort()).toEqual([
        ...ROUTES[method],
        ...PROTOCOL_ROUTES[method],
      ]);
    }
  });

  test('every part of a path in braces is a required path parameter', async () => {
    const { paths } = await readDocument();
    for (const [path, operations] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const { parameters = [] } of Object.values(operations)) {
        const inPath = parameters.filter((parameter) => parameter.in === 'path');
        expect(
          inPath.map(({ name }) => name),
          path,
        ).toEqual(named);
        expect(inPath.every(({ required }) => required === true)).toBe(true);
      }
    }
  });

  test('every tag that a route has is described', async () => {
    const { paths, tags } = await readDocument();
    const used = Object.values(paths).flatMap((operations) =>
      Object.values(operations).flatMap((o) => o.tags),
    );
    expect([...new Set(used)].sort()).toEqual(tags.map(({ name }) => name).sort());
  });

  test('a prediction route documents both bodies, explain, the deadline, the answer and the refusals', async () => {
    const { paths } = await readDocument();
    for (const path of ROUTES.post.filter((route) => /\/predict(\/batch)?$/.test(route))) {
      const operation = paths[path]?.post;
      expect(Object.keys(operation?.requestBody?.content ?? {}).sort()).toEqual([
        'application/json',
        'application/octet-stream',
      ]);
      expect(operation?.parameters?.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['explain', 'x-deadline-ms']),
      );
      const { 200: _answer, ...refusals } = operation?.responses ?? {};
      expect(Object.keys(refusals)).toEqual([
        ...['400', '404', '408', '413', '415', '422', '429', '431', '500', '503', '504'],
      ]);
      for (const refusal of Object.values(refusals))
        expect(Object.keys(refusal.content ?? {})).toEqual(['application/problem+json']);
    }
  });

  test('every operation has an id of its own, the headers of its answers and whether its body is needed', async () => {
    const { paths } = await readDocument();
    const operations = Object.values(paths).flatMap((item) => Object.values(item));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id, i) => ids.indexOf(id) < i)).toEqual([]);
    for (const { responses } of operations)
      for (const { headers } of Object.values(responses)) expect(headers).toHaveProperty('x-request-id');
    const predict = paths['/predict']?.post;
    expect(predict?.responses['503']?.headers).toHaveProperty('retry-after');
    expect(predict?.responses['200']?.headers).toHaveProperty('ratelimit');
    expect(predict?.requestBody?.required).toBe(true);
    expect(paths['/v2/repository/index']?.post?.requestBody?.required).toBe(false);
    // Nobody is asked who calls.
    expect(operations.filter(({ security }) => security !== undefined)).toEqual([]);
    expect(predict?.responses).not.toHaveProperty('401');
  });

  test('schemas have names, which answers and bodies refer to', async () => {
    const { body } = await send(`${server().url}/openapi.json`);
    const { paths, components } = z
      .looseObject({
        paths: z.record(z.string(), z.unknown()),
        components: z.looseObject({ schemas: z.record(z.string(), SchemaObject) }),
      })
      .parse(JSON.parse(body));
    const names = Object.keys(components.schemas);
    expect(names).toEqual(
      expect.arrayContaining(['Die', 'Prediction', 'Predictions', 'Problem', 'InferRequest']),
    );
    // Two schemas of one name would be numbered.
    expect(names.filter((name) => /\d$/.test(name))).toEqual([]);
    const refs = [...body.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? '');
    expect(new Set(refs)).toEqual(new Set(names));
    expect(JSON.stringify(paths)).not.toContain('"title":"');
  });

  test('holds no schema that was not converted, and refers to nothing outside', async () => {
    const { body } = await send(`${server().url}/openapi.json`);
    expect(body).not.toMatch(/"_zod"|"~standard"/);
    expect([...body.matchAll(/"\$ref":"([^"]*)"/g)].filter((match) => !match[1]?.startsWith('#/'))).toEqual(
      [],
    );
    expect(body).not.toMatch(/https?:\/\//);
  });

  test('its example die is one that is answered', async () => {
    const { body } = await send(`${server().url}/models/sum/example`);
    const answer = await send(`${server().url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(200);
  });
});

describe('/docs', () => {
  test('is a page that loads everything from this server', async () => {
    const page = await send(`${server().url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const linked = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(linked.length).toBeGreaterThan(3);
    expect(linked.filter((link) => /^(https?:)?\/\//.test(link))).toEqual([]);
    for (const link of linked) {
      const part = await send(new URL(link, `${server().url}/docs/`).href);
      expect(part.status, link).toBe(200);
    }
  });

  test('its content policy lets the browser talk to this server only', async () => {
    const policy = (await send(`${server().url}/docs`)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|upgrade-insecure-requests/);
    const scripts = /script-src ([^;]*)/.exec(policy)?.[1] ?? "'self'";
    expect(scripts).not.toContain('unsafe-inline');
  });

  test('neither the page nor its initializer names another server', async () => {
    for (const path of ['/docs', '/docs/static/swagger-initializer.js']) {
      const { status, body } = await send(server().url + path);
      expect(status).toBe(200);
      expect(body.replaceAll(/^ *\/\/.*$/gm, '')).not.toMatch(/https?:\/\//);
    }
  });
});

test('GET / says what this is and links to what exists', async () => {
  const root = RootSchema.strict().parse(JSON.parse((await send(server().url)).body));
  expect(root.name).toBe('diegate');
  for (const [name, path] of Object.entries(root.links)) {
    const { status } = await send(server().url + path);
    // A prediction is POSTed; everything else can be looked at.
    expect(status, name).toBe(name === 'predict' ? 405 : 200);
  }
});
