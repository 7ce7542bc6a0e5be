import { Refusal } from '../../../errors.js';
import { controlOf } from '../../../oip/engine.js';
import { ControlRequestSchema } from '../../../oip/schemas.js';
import { faultPath, invalidInput } from '../../../rows/decode/refusals.js';
import { GRPCInferenceService, type ModelRepositoryParameter } from '../messages/inference-messages.js';
import { type CallContext, type UnaryMethod, unary } from './method.js';
import type { ServiceParts } from './server.js';

/** Triton's repository extension: what there is, and models into and out of service. */
export function repositoryMethods({ engine }: ServiceParts): UnaryMethod[] {
  const { repositoryIndex, repositoryModelLoad, repositoryModelUnload } = GRPCInferenceService.method;
  return [
    unary(repositoryIndex, 'read', ({ repositoryName, ready }) => {
      assertOnlyRepository(repositoryName);
      const models = engine
        .versions()
        .map((one) => ({ name: one.name, version: one.version, ...engine.state(one) }))
        .filter(({ state }) => !ready || state === 'READY');
      return { models };
    }),
    unary(repositoryModelLoad, 'admin', async (asked, context) => {
      await controlOf(engine).load(modelOf(asked), actorOf(context));
      return {};
    }),
    unary(repositoryModelUnload, 'admin', async (asked, context) => {
      await controlOf(engine).unload(modelOf(asked), actorOf(context));
      return {};
    }),
  ];
}

interface ControlMessage {
  readonly repositoryName: string;
  readonly modelName: string;
  readonly parameters: Readonly<Record<string, ModelRepositoryParameter>>;
}

/** @throws Refusal `invalid_input` where it asks for what is not done here */
function modelOf({ repositoryName, modelName, parameters }: ControlMessage): string {
  assertOnlyRepository(repositoryName);
  const given = Object.entries(parameters).map(([name, one]) => [name, one.parameterChoice.value]);
  const read = ControlRequestSchema.safeParse({ parameters: Object.fromEntries(given) });
  if (read.success) return modelName;
  throw invalidInput(read.error.issues.map(({ path, message }) => ({ path: faultPath(path), message })));
}

function assertOnlyRepository(name: string): void {
  if (name === '') return;
  throw new Refusal(
    'invalid_input',
    `repository_name: expected to be left out, as there is one repository, found "${name.slice(0, 80)}"`,
  );
}

function actorOf({ keyId, requestId }: CallContext) {
  return { id: keyId, requestId };
}
