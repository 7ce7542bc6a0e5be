import type { Permission } from '../../../callers/caller.js';
import { REFUSALS } from '../../../errors.js';

/** A part of an OpenAPI document, which is JSON. */
type Part = Record<string, unknown>;

/** What a route says of itself that is no part of its schema. */
export interface RouteFacts {
  readonly method: string;
  /** With parameters as `:name`. */
  readonly url: string;
  readonly permission: Permission | undefined;
  /** Whether it predicts dies, and so is bound by rates and deadlines. */
  readonly predicts: boolean;
  /** Whether its body may be left out. */
  readonly isBodyOptional: boolean;
}

interface CompletionOptions {
  readonly routes: readonly RouteFacts[];
  /** Whether callers are asked who they are. */
  readonly keysAsked: boolean;
  /** The body of a refusal, by the path of its route. */
  readonly refusalContent: (path: string) => Part;
}

/**
 * Completes the document of the routes by what follows from them all: an id and the refusals of every operation, the
 * headers of every answer, who may call, and a name for each schema that has a title.
 */
export function completeDocument(
  document: Part,
  { routes, keysAsked, refusalContent }: CompletionOptions,
): Part {
  const components = new Components();
  const paths = mapValues(asPart(document.paths), (item, path) =>
    mapValues(asPart(item), (operation, method) => {
      const facts = routes.find((route) => isOf(route, method, path));
      if (facts === undefined) return operation;
      const completed = completeOperation(asPart(operation), facts, keysAsked, refusalContent(path));
      return components.extractFrom(completed);
    }),
  );
  const { security: _ofAll, ...rest } = document;
  return {
    ...rest,
    paths,
    components: { ...asPart(document.components), schemas: components.schemas(), headers: HEADERS },
  };
}

function isOf({ method, url }: RouteFacts, wanted: string, path: string): boolean {
  const written = url.replaceAll(/:(\w+)/g, '{$1}').replace(/(.)\/$/, '$1');
  return method.toLowerCase() === wanted && written === path.replace(/(.)\/$/, '$1');
}

const HEADERS = {
  RequestId: text("The caller's own x-request-id, or one that was made; in every log line of the request"),
  RetryAfter: { description: 'Seconds after which to try again', schema: { type: 'integer', minimum: 1 } },
  RateLimitPolicy: text('The rate that the request was counted for, where there is one'),
  RateLimit: text('What is left of it'),
  WwwAuthenticate: text('How to say who calls'),
  JsonLength: {
    description: 'How many bytes of the answer are JSON, where tensors follow as bytes',
    schema: { type: 'integer' },
  },
} as const;

function text(description: string) {
  return { description, schema: { type: 'string' } };
}

function completeOperation(operation: Part, facts: RouteFacts, keysAsked: boolean, content: Part): Part {
  const operationId = String(operation.operationId ?? operationIdOf(facts.method, facts.url));
  const asks = keysAsked && facts.permission !== undefined;
  const responses: Part = { ...asPart(operation.responses) };
  // Ranges are what routes say of their refusals where they say no more.
  delete responses['4XX'];
  delete responses['5XX'];
  for (const status of refusalsOf(operation, facts, asks))
    responses[status] ??= { description: descriptionOf(status), content };
  return {
    ...operation,
    operationId,
    ...(operation.requestBody !== undefined && {
      requestBody: { ...asPart(operation.requestBody), required: !facts.isBodyOptional },
    }),
    responses: mapValues(responses, (response, status) => ({
      ...asPart(response),
      headers: { ...asPart(asPart(response).headers), ...headersOf(status, facts) },
    })),
    ...(asks && {
      security: [{ key: [] }, { bearer: [] }, ...(facts.permission === 'read' ? [{ basic: [] }] : [])],
    }),
    'x-permission': facts.permission,
  };
}

/** The statuses of all refusals that a route can end in. */
function refusalsOf(operation: Part, { permission, predicts, url }: RouteFacts, asks: boolean): number[] {
  const hasBody = operation.requestBody !== undefined;
  const parameters = Array.isArray(operation.parameters) ? operation.parameters.map(asPart) : [];
  const isChecked = hasBody || parameters.some((parameter) => parameter.in === 'query');
  return [
    400,
    ...(asks ? [401, 403] : []),
    ...(url.includes(':') || predicts ? [404] : []),
    ...(permission === 'admin' ? [409] : []),
    ...(hasBody ? [408, 413, 415] : []),
    ...(isChecked ? [422] : []),
    ...(predicts ? [429] : []),
    431,
    500,
    503,
    ...(predicts ? [504] : []),
  ];
}

/** The titles of the refusals of a status. */
function descriptionOf(status: number): string {
  const titles = Object.values(REFUSALS).filter((refusal) => refusal.status === status);
  return titles.map(({ title }) => title).join(', or: ');
}

function headersOf(status: string, { predicts, url }: RouteFacts): Part {
  const ref = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` });
  return {
    'x-request-id': ref('RequestId'),
    ...((status === '429' || status === '503') && { 'retry-after': ref('RetryAfter') }),
    ...((status === '401' || status === '403') && { 'www-authenticate': ref('WwwAuthenticate') }),
    ...(predicts && { 'ratelimit-policy': ref('RateLimitPolicy'), ratelimit: ref('RateLimit') }),
    ...(status === '200' &&
      url.endsWith('/infer') && { 'inference-header-content-length': ref('JsonLength') }),
  };
}

/** What holds data and no schemas. */
const DATA: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const']);

/** The schemas that have a name: those with a title, and bodies and answers of operations. */
class Components {
  readonly #schemas = new Map<string, { readonly schema: Part; readonly text: string }>();

  /** By name, in their order. */
  schemas(): Part {
    const named = [...this.#schemas].sort(([a], [b]) => a.localeCompare(b, 'en'));
    return Object.fromEntries(named.map(([name, { schema }]): [string, Part] => [name, schema]));
  }

  /** An operation whose named schemas are references. */
  extractFrom(operation: Part): Part {
    const id = capitalised(String(operation.operationId));
    const request = withTitles(asPart(operation.requestBody), `${id}Request`);
    const responses = mapValues(asPart(operation.responses), (response, status) =>
      withTitles(asPart(response), status === '200' ? `${id}Answer` : `${id}Answer${status}`),
    );
    return asPart(
      this.#extract({
        ...operation,
        ...(operation.requestBody !== undefined && { requestBody: request }),
        responses,
      }),
    );
  }

  #extract(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#extract(item));
    if (!isPart(value)) return value;
    const extracted = mapValues(value, (member, key) => (DATA.has(key) ? member : this.#extract(member)));
    return typeof extracted.title === 'string' ? this.#refer(extracted.title, extracted) : extracted;
  }

  #refer(title: string, { description, ...schema }: Part): Part {
    const text = JSON.stringify(schema);
    let name = title;
    for (let n = 2; this.#schemas.get(name)?.text !== text; n++) {
      if (!this.#schemas.has(name)) {
        this.#schemas.set(name, {
          schema: { ...schema, ...(description !== undefined && { description }) },
          text,
        });
        break;
      }
      name = `${title}${n}`;
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** A body or an answer whose objects all have a title. */
function withTitles(part: Part, title: string): Part {
  if (part.content === undefined) return part;
  return {
    ...part,
    content: mapValues(asPart(part.content), (media) => {
      const schema = asPart(asPart(media).schema);
      const isNamed = schema.title !== undefined || schema.properties === undefined;
      return isNamed ? media : { ...asPart(media), schema: { ...schema, title } };
    }),
  };
}

function mapValues(part: Part, change: (value: unknown, key: string) => unknown): Part {
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, change(value, key)]));
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asPart(value: unknown): Part {
  return isPart(value) ? value : {};
}

/**
 * The id of an operation by its method and path, for the clients that are generated: `GET
 * /models/:model/versions/:version/drift` is `getModelVersionDrift`, `GET /models` is `getModels`.
 * @param url of the route, with parameters as `:name`
 */
function operationIdOf(method: string, url: string): string {
  const parts = url.split('/').filter((part) => part !== '');
  const words = parts.flatMap((part, i) => {
    if (part.startsWith(':')) return [];
    // What is named by the next part is one of them.
    return [parts[i + 1]?.startsWith(':') === true ? part.replace(/s$/, '') : part];
  });
  return [method.toLowerCase(), ...(words.length === 0 ? ['root'] : words).map(capitalised)].join('');
}

function capitalised(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
