import { z } from 'zod';
import { dieSchema } from '../../die/die.js';
import type { ModelVersion } from '../../models/model-version.js';
import { probeOf } from '../../models/model-version.js';

const FloatsSchema = z.string().meta({ format: 'binary' });

/** What the body of a call for one die is, for the documentation. */
export function dieBody(version: ModelVersion) {
  return {
    content: {
      'application/json': {
        schema: dieSchema(version.contract).meta({ examples: [exampleDie(version, 0)] }),
      },
      'application/octet-stream': {
        schema: FloatsSchema.describe(
          `${version.contract.parameterCount} little-endian float32; the die id in the header x-die-id`,
        ),
      },
    },
  };
}

/** What the body of a batch call is, for the documentation. */
export function diesBody(version: ModelVersion) {
  const dies = z.array(dieSchema(version.contract)).min(1);
  return {
    content: {
      'application/json': {
        schema: dies.meta({ examples: [[exampleDie(version, 0), exampleDie(version, 1)]] }),
      },
      'application/octet-stream': {
        schema: FloatsSchema.describe(
          `n × ${version.contract.parameterCount} little-endian float32; ids in the header x-die-ids, else generated`,
        ),
      },
    },
  };
}

/** An example payload. */
export const ExampleSchema = z.object({
  die_id: z.string(),
  wafer_id: z.string(),
  equipment_id: z.string(),
  test_params: z.array(z.number()),
});

/** A die that the version takes as it stands: every parameter at its expected value. */
export function exampleDie(version: ModelVersion, index: number): z.infer<typeof ExampleSchema> {
  return {
    die_id: `wafer123_die${456 + index}`,
    wafer_id: 'wafer123',
    equipment_id: 'tester-7',
    test_params: Array.from(probeOf(version), (value) => Number(value.toPrecision(6))),
  };
}
