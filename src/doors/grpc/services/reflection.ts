import { create, type DescFile, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Permission } from '../../../callers/caller.js';
import { file_health } from '../messages/health-messages.js';
import { file_inference } from '../messages/inference-messages.js';
import {
  file_reflection,
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from '../messages/reflection-messages.js';
import { type StreamMethod, streaming } from './method.js';

type Response = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

const FILES: readonly DescFile[] = [file_inference, file_health, file_reflection];
/** The older name of the same service, with the same messages, which older tools ask for. */
const OLDER_SERVICE = 'grpc.reflection.v1alpha.ServerReflection';
// Of grpc's codes.
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;

/**
 * Server reflection: what services and messages there are, so that tools need no proto files.
 * @param permission what its callers need; undefined where everybody may ask
 */
export function reflectionMethods(permission: Permission | undefined): StreamMethod[] {
  const { serverReflectionInfo: method } = ServerReflection.method;
  const symbols = symbolsOf(FILES);
  const answer = function* (request: ServerReflectionRequest) {
    yield { validHost: request.host, originalRequest: request, messageResponse: reflect(request, symbols) };
  };
  const older = { ...method, name: method.name, parent: { typeName: OLDER_SERVICE } };
  return [streaming(method, permission, answer), streaming(older, permission, answer)];
}

/** What one request of the stream is answered; an unknown name is an answer too. */
function reflect(
  { messageRequest: asked }: ServerReflectionRequest,
  symbols: ReadonlyMap<string, DescFile>,
): Response {
  switch (asked.case) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: {
          service: FILES.flatMap(({ services }) => services.map(({ typeName }) => ({ name: typeName }))),
        },
      };
    case 'fileByFilename':
      return fileResponse(
        FILES.find(({ proto }) => proto.name === asked.value),
        asked.value,
      );
    case 'fileContainingSymbol':
      return fileResponse(symbols.get(asked.value), asked.value);
    case 'allExtensionNumbersOfType':
      return symbols.has(asked.value)
        ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: asked.value, extensionNumber: [] } }
        : unknown(asked.value);
    case 'fileContainingExtension':
      return unknown(`${asked.value.containingType} ${asked.value.extensionNumber}`);
    case undefined:
      return {
        case: 'errorResponse',
        value: {
          errorCode: INVALID_ARGUMENT,
          errorMessage: 'expected a file, a symbol or list_services, found nothing',
        },
      };
  }
}

/** None of the files imports another one, so each is sent alone. */
function fileResponse(file: DescFile | undefined, name: string): Response {
  if (file === undefined) return unknown(name);
  const bytes = toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file.proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [bytes] } };
}

function unknown(name: string): Response {
  return {
    case: 'errorResponse',
    value: { errorCode: NOT_FOUND, errorMessage: `"${name.slice(0, 80)}" is not known here` },
  };
}

/** Which file has a service, method, message, field or enum, by full names. */
function symbolsOf(files: readonly DescFile[]): Map<string, DescFile> {
  const symbols = new Map<string, DescFile>();
  for (const file of files) {
    const add = (name: string) => symbols.set(name, file);
    const addMessage = (message: DescMessage): void => {
      add(message.typeName);
      for (const { name } of message.fields) add(`${message.typeName}.${name}`);
      for (const { typeName } of message.nestedEnums) add(typeName);
      message.nestedMessages.forEach(addMessage);
    };
    file.messages.forEach(addMessage);
    for (const { typeName } of file.enums) add(typeName);
    for (const { typeName, methods } of file.services) {
      add(typeName);
      for (const { name } of methods) add(`${typeName}.${name}`);
    }
  }
  return symbols;
}
