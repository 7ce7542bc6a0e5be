import { z } from 'zod';

/** Takes out of a value what a schema names. */
type Select = (value: unknown) => unknown;

const LEAVES: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'null', 'literal', 'enum']);

/**
 * Writes answers as their schema, and so the documentation, says: what it does not name stays here, and its
 * whole numbers are whole. No compiled serializer: fast-json-stringify brings ajv, and with its compilations
 * took a third of the start; answers that are written ten thousand times a second have templates of their own.
 * @throws Error where the schema is of a kind that no answer has
 */
export function answerWriter(schema: z.ZodType): (answer: unknown) => string {
  const select = selectBy(schema);
  return (answer) => JSON.stringify(select === undefined ? answer : select(answer));
}

/** @returns undefined where every value that the schema describes is named by it whole */
function selectBy(schema: z.core.$ZodType): Select | undefined {
  if (schema instanceof z.ZodObject) return membersOf(schema);
  if (schema instanceof z.ZodNumberFormat) return (value) => Math.trunc(Number(value));
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return selectBy(schema.unwrap());
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    const select = selectBy(schema.unwrap());
    return select && ((value) => (value === undefined || value === null ? value : select(value)));
  }
  if (schema instanceof z.ZodArray) {
    const select = selectBy(schema.element);
    return select && ((value) => (Array.isArray(value) ? value.map(select) : value));
  }
  if (schema instanceof z.ZodRecord) {
    const select = selectBy(schema.valueType);
    return select && ((value) => mapValues(Object(value), select));
  }
  if (schema instanceof z.ZodUnion) return optionOf(schema);
  const { type } = schema._zod.def;
  if (LEAVES.has(type)) return undefined;
  throw new Error(`no answer can be written by a schema of the type ${type}`);
}

function optionOf({ options }: z.ZodUnion): Select | undefined {
  const selects = options.map(selectBy);
  if (selects.every((select) => select === undefined)) return undefined;
  return (value) => {
    const found = options.findIndex((option) => z.safeParse(option, value).success);
    if (found === -1) throw new Error('the answer has a value that its schema does not name');
    const select = selects[found];
    return select === undefined ? value : select(value);
  };
}

function membersOf({ shape }: z.ZodObject): Select {
  const members = Object.entries(shape).map(([name, schema]) => ({
    name,
    isOptional: schema instanceof z.ZodOptional,
    byDefault: schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined,
    select: selectBy(schema),
  }));
  return (value) => {
    const found: Record<string, unknown> = Object(value);
    const selected: Record<string, unknown> = {};
    for (const { name, isOptional, byDefault, select } of members) {
      const member = found[name] === undefined ? byDefault : found[name];
      if (member !== undefined) selected[name] = select === undefined ? member : select(member);
      else if (!isOptional) throw new Error(`the answer has no "${name}"`);
    }
    return selected;
  };
}

function mapValues(values: Record<string, unknown>, select: Select): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, select(value)]));
}
