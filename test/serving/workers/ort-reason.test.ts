import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ortReason } from '../../../src/serving/workers/ort-reason.js';

describe('what ONNX Runtime says of a model is one line for people', () => {
  test.each([
    ['a reason alone stays', 'Invalid rank for input: x', 'Invalid rank for input: x'],
    ['of several lines the first', 'no such input\nstack of things', 'no such input'],
    [
      'without its source and a function',
      '/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 void onnxruntime::ValidateOpset(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, std::function<void()>, int) Opset 99 is under development.',
      'Opset 99 is under development.',
    ],
    [
      'without a function in a function, what stands before is kept',
      'Exception during initialization: /onnxruntime_src/onnxruntime/core/text.cc:235 onnxruntime::Locale::Locale(const std::string&)::<lambda()> Failed to construct locale',
      'Exception during initialization: Failed to construct locale',
    ],
    [
      'without qualifiers and template arguments',
      'while running Reshape node. Status Message: /onnxruntime_src/core/reshape.h:45 bool onnxruntime::Helper<T>::Run(int) const [with T = float] the input cannot be reshaped',
      'while running Reshape node. Status Message: the input cannot be reshaped',
    ],
    ['what has no function stays', '/onnxruntime_src/a.cc:1 something', '/onnxruntime_src/a.cc:1 something'],
    [
      'a type without values is named, with the cure',
      'Unsupported data type: 16',
      "an input or output is bfloat16, for which ONNX Runtime's binding for Node.js has no values: export it as float32, or let `diegate check --fix` put casts at the edges",
    ],
    [
      'an operator that is not there is named',
      'Fatal error: ai.onnx.contrib:StringUpper(-1) is not a registered function/op',
      "operator ai.onnx.contrib:StringUpper is none of ONNX Runtime's own: what needs an extension, or is for training, cannot be served",
    ],
  ])('%s', (_, message, reason) => {
    expect(ortReason(message)).toBe(reason);
  });

  test('any text ends as one line, and none is made longer but by words of our own', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('(', ')', ' ', ':', '/onnxruntime_src/a.cc:1 ', 'x', '\n') }),
        (text) => {
          const reason = ortReason(text);
          expect(reason).not.toContain('\n');
          expect(reason.length).toBeLessThanOrEqual(text.length);
        },
      ),
    );
  });
});
