import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../../../src/doors/grpc/messages/reflection-messages.js';
import { reflectionMethods } from '../../../../src/doors/grpc/services/reflection.js';
import { callStream } from './support.js';

const { serverReflectionInfo } = ServerReflection.method;
type Asked = ServerReflectionRequest['messageRequest'];

async function reflected(...asked: Asked[]) {
  const requests = asked.map((messageRequest) => ({ host: 'tester', messageRequest }));
  const answers: ServerReflectionResponse['messageResponse'][] = [];
  for await (const answer of callStream(reflectionMethods(undefined), serverReflectionInfo, requests))
    answers.push(answer.messageResponse);
  return answers;
}

async function fileOf(asked: Asked) {
  const [answer] = await reflected(asked);
  if (answer?.case !== 'fileDescriptorResponse') return expect.fail(`it has answered ${answer?.case}`);
  const [bytes = new Uint8Array()] = answer.value.fileDescriptorProto;
  return fromBinary(FileDescriptorProtoSchema, bytes);
}

describe('reflection', () => {
  test('lists the services', async () => {
    const [answer] = await reflected({ case: 'listServices', value: '' });
    expect(answer?.value).toMatchObject({
      service: [
        { name: 'inference.GRPCInferenceService' },
        { name: 'grpc.health.v1.Health' },
        { name: 'grpc.reflection.v1.ServerReflection' },
      ],
    });
  });

  test.each([
    'inference.GRPCInferenceService',
    'inference.GRPCInferenceService.ModelInfer',
    'inference.ModelInferRequest',
    'inference.ModelInferRequest.InferInputTensor',
    'inference.DataType',
  ])('has the file of %s', async (value) => {
    const file = await fileOf({ case: 'fileContainingSymbol', value });
    expect(file.name).toBe('inference.proto');
    expect(file.service[0]?.method.map(({ name }) => name)).toContain('ModelInfer');
    expect(await fileOf({ case: 'fileByFilename', value: file.name })).toEqual(file);
  });

  test('answers an unknown name in the stream, and goes on', async () => {
    const [unknown, none, known] = await reflected(
      { case: 'fileContainingSymbol', value: 'inference.Nope' },
      { case: undefined },
      { case: 'allExtensionNumbersOfType', value: 'inference.ModelInferRequest' },
    );
    expect(unknown).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
    expect(none).toMatchObject({ case: 'errorResponse', value: { errorCode: 3 } });
    expect(known?.case).toBe('allExtensionNumbersResponse');
  });

  test('is there by its older name too, for those who may read it', () => {
    expect(reflectionMethods('read').map(({ path, permission }) => [path, permission])).toEqual([
      ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 'read'],
      ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', 'read'],
    ]);
  });
});
