import type { FastifySchemaCompiler, FastifySerializerCompiler, FastifyTypeProvider } from 'fastify';
import type { z } from 'zod';
import { readPart } from './schemas/requests.js';
import { answerWriter } from './write-answer.js';

/** Gives route handlers the types of their zod schemas. */
export interface ZodTypeProvider extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown;
}

/**
 * Validates path and query by their zod schemas. A body is left alone: its bytes are decoded by the
 * route, which knows the model's contract; and so are headers, of which a request brings many that a
 * schema does not name. Their schemas in the routes are documentation.
 */
export const validateByZod: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  if (httpPart === 'body' || httpPart === 'headers') return (value) => ({ value });
  // zod compiles a schema when it is first used: at the route's first request and not at the start.
  let acceptsNothing: boolean | undefined;
  return (value) => {
    // Most requests have no query: nothing to check where nothing is required.
    if (httpPart === 'querystring' && isEmpty(value)) {
      acceptsNothing ??= schema.safeParse({}).success;
      if (acceptsNothing) return { value };
    }
    try {
      return { value: readPart(schema, value, httpPart ?? 'request') };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) };
    }
  };
};

/** Writes an answer by its zod schema. */
export const serializeByZod: FastifySerializerCompiler<z.ZodType> = ({ schema }) => answerWriter(schema);

/** Keeps Fastify from loading ajv and fast-json-stringify for compilers that the two above replace. */
export const NO_COMPILERS = { compilersFactory: { buildValidator: unset, buildSerializer: unset } };

function unset(): never {
  throw new Error('the server was given no compilers');
}

function isEmpty(value: unknown): boolean {
  for (const _ in Object(value)) return false;
  return true;
}
