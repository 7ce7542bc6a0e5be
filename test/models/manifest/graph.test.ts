import { describe, expect, it } from 'vitest';
import {
  fixedBatch,
  type GraphInfo,
  graphProblems,
  type TensorInfo,
} from '../../../src/models/manifest/graph.js';
import { ManifestSchema } from '../../../src/models/manifest/manifest.js';
import { sumVersion } from '../../support/models.js';

const manifest = ManifestSchema.parse(sumVersion(4).manifest);
const tensor = (name: string, shape: TensorInfo['shape'], type = 'float32'): TensorInfo => ({
  name,
  type,
  shape,
});
const INPUT = tensor('test_params', ['N', 4]);
const SCORE = tensor('anomaly_score', ['N']);
const CONTRIBUTIONS = tensor('contributions', ['N', 4]);

const graph = (changes: Partial<GraphInfo> = {}): GraphInfo => ({
  inputs: [INPUT],
  outputs: [SCORE, CONTRIBUTIONS],
  ...changes,
});

describe('a graph and its manifest', () => {
  it.each<[string, GraphInfo]>([
    ['the graph has named dimensions', graph()],
    ['the batch dimension has no name', graph({ inputs: [tensor('test_params', ['', 4])] })],
    [
      'the graph leaves the number of parameters open',
      graph({ inputs: [tensor('test_params', ['N', 'P'])] }),
    ],
    ['the score is a column', graph({ outputs: [tensor('anomaly_score', ['N', 1]), CONTRIBUTIONS] })],
    [
      'the graph has outputs that the manifest does not name',
      graph({ outputs: [SCORE, CONTRIBUTIONS, tensor('label', ['N'])] }),
    ],
  ])('agree where %s', (_, info) => {
    expect(graphProblems(manifest, info)).toEqual([]);
  });

  it.each<[string, GraphInfo, unknown[]]>([
    [
      'the input has another name',
      graph({ inputs: [tensor('x', ['N', 4])] }),
      [
        'the manifest names input "test_params", the graph has "x"',
        'the graph also needs input "x", the manifest feeds only "test_params"',
      ],
    ],
    [
      'there is no input at all',
      graph({ inputs: [] }),
      ['the manifest names input "test_params", the graph has none'],
    ],
    [
      'there is a second input',
      graph({ inputs: [INPUT, tensor('mask', ['N', 4])] }),
      ['the graph also needs input "mask", the manifest feeds only "test_params"'],
    ],
    [
      'the number of parameters differs',
      graph({ inputs: [tensor('test_params', ['N', 5])] }),
      ['input "test_params" has shape [N, 5] in the graph, the manifest expects [N, 4]'],
    ],
    [
      'only the output has a fixed batch',
      graph({ outputs: [tensor('anomaly_score', [1, 1]), CONTRIBUTIONS] }),
      ['output "anomaly_score" has shape [1, 1] in the graph, the manifest expects [N] or [N, 1]'],
    ],
    [
      'the input is of another type',
      graph({ inputs: [tensor('test_params', ['N', 4], 'float64')] }),
      ['input "test_params" is float64 in the graph, the manifest expects float32'],
    ],
    [
      'the score is missing',
      graph({ outputs: [CONTRIBUTIONS] }),
      ['the manifest names output "anomaly_score", the graph has "contributions"'],
    ],
    [
      'the score is a table',
      graph({ outputs: [tensor('anomaly_score', ['', 2]), CONTRIBUTIONS] }),
      ['output "anomaly_score" has shape [?, 2] in the graph, the manifest expects [N] or [N, 1]'],
    ],
    [
      'the score is no tensor',
      graph({ outputs: [tensor('anomaly_score', ['N'], 'other'), CONTRIBUTIONS] }),
      [expect.stringMatching(/^output "anomaly_score" is no tensor .*check --fix.*zipmap=False/)],
    ],
    [
      'the input is of half precision',
      graph({ inputs: [tensor('test_params', ['N', 4], 'float16')] }),
      [expect.stringMatching(/^input "test_params" is float16 .*check --fix.*keep_io_types=True/)],
    ],
    [
      'the contributions are of another width',
      graph({ outputs: [SCORE, tensor('contributions', ['N', 3])] }),
      ['output "contributions" has shape [N, 3] in the graph, the manifest expects [N, 4]'],
    ],
  ])('disagree where %s, and both sides are named', (_, info, problems) => {
    expect(graphProblems(manifest, info)).toEqual(problems);
  });

  it('agree where the batch is fixed for all: such a graph is run so many rows at a time', () => {
    const fixed = graph({
      inputs: [tensor('test_params', [1, 4])],
      outputs: [tensor('anomaly_score', [1, 1]), tensor('contributions', [1, 4])],
    });
    expect(graphProblems(manifest, fixed)).toEqual([]);
    expect(fixedBatch(fixed)).toBe(1);
    expect(fixedBatch(graph({}))).toBeUndefined();
  });
});
