import { z } from 'zod';
import { OipErrorSchema } from '../../../oip/schemas.js';
import { JSON_MEDIA_TYPE, OIP_PREFIX } from '../oip/error-form.js';
import { ProblemSchema } from '../schemas/problem.js';
import { COMPONENT_NAMES } from './component-names.js';

/** Below `/v2` refusals have the form of the protocol. */
export function refusalContent(path: string) {
  const isProtocol = path === OIP_PREFIX || path.startsWith(`${OIP_PREFIX}/`);
  const schema = documentedSchema(isProtocol ? OipErrorSchema : ProblemSchema, 'output');
  return { [isProtocol ? JSON_MEDIA_TYPE : 'application/problem+json']: { schema } };
}

/** A route's schema with every zod schema in it, at any depth, replaced by its JSON Schema. */
export function documentedSchema(value: unknown, io: 'input' | 'output' = 'input'): unknown {
  if (value instanceof z.ZodType) {
    const { $schema: _, ...schema } = z.toJSONSchema(value, {
      target: 'draft-2020-12',
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema: found }) => {
        const name = COMPONENT_NAMES.get(zodSchema);
        if (name !== undefined) found.title = name;
      },
    });
    return schema;
  }
  if (Array.isArray(value)) return value.map((item) => documentedSchema(item, io));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      documentedSchema(item, key === 'response' ? 'output' : io),
    ]),
  );
}
