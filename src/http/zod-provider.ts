import fastJsonStringify, { type ObjectSchema } from 'fast-json-stringify';
import type { FastifySchemaCompiler, FastifySerializerCompiler, FastifyTypeProvider } from 'fastify';
import { z } from 'zod';
import { readPart } from './schemas/requests.js';

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
  const acceptsNothing = schema.safeParse({}).success;
  if (httpPart === 'body' || httpPart === 'headers') return (value) => ({ value });
  return (value) => {
    // Most requests have no query: nothing to check where nothing is required.
    if (httpPart === 'querystring' && isEmpty(value) && acceptsNothing) return { value };
    try {
      return { value: readPart(schema, value, httpPart ?? 'request') };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) };
    }
  };
};

/** Compiles the zod schema of an answer into a serializer. */
export const serializeByZod: FastifySerializerCompiler<z.ZodType> = ({ schema, url }) => {
  const jsonSchema = z.toJSONSchema(schema, { target: 'draft-7', io: 'output' });
  if (!isObjectSchema(jsonSchema)) throw new Error(`the answer of ${url} must be an object`);
  return fastJsonStringify(jsonSchema);
};

function isObjectSchema(schema: { type?: unknown }): schema is ObjectSchema {
  return schema.type === 'object';
}

function isEmpty(value: unknown): boolean {
  for (const _ in Object(value)) return false;
  return true;
}
