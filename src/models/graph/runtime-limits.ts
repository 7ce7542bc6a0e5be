import type { OnnxModelFile } from './onnx-file.js';

/** What ONNX Runtime 1.30 reads: IR version, and version of the default operators. */
const MOST = { ir: 13, opset: 26 } as const;

/** Why a model is too new for ONNX Runtime: the end of a sentence that begins with the file's name. */
export function newerThanRuntime({ irVersion, opsetImport }: OnnxModelFile): string | undefined {
  const opset = opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0n;
  if (irVersion <= MOST.ir && opset <= MOST.opset) return undefined;
  return `is of IR version ${irVersion} and opset ${opset}, newer than ONNX Runtime 1.30 reads (IR version ${MOST.ir}, opset ${MOST.opset}): export it with opset_version=${MOST.opset} (torch) or target_opset=${MOST.opset} (skl2onnx), or convert it with onnx.version_converter`;
}
