import type { z } from 'zod';
import { ContributionSchema, PredictionSchema, PredictionsSchema } from '../../../die/prediction.js';
import { DriftReportSchema } from '../../../drift/report.js';
import { ParameterSchema } from '../../../models/manifest/input-schema.js';
import { ModelConfigSchema } from '../../../oip/model-config.js';
import {
  AnsweredTensorSchema,
  IndexEntrySchema,
  IndexRequestSchema,
  InferAnswerSchema,
  InferInputSchema,
  InferOutputRequestSchema,
  InferRequestSchema,
  LiveSchema,
  ModelMetadataSchema,
  ModelReadySchema,
  OipErrorSchema,
  ServerMetadataSchema,
  ServerReadySchema,
  StatisticsSchema,
  TensorMetadataSchema,
  VersionStatisticsSchema,
} from '../../../oip/schemas.js';
import { ChangedSchema } from '../schemas/admin.js';
import { ExampleSchema } from '../schemas/body.js';
import {
  ModelSummarySchema,
  ModelsSchema,
  VersionDetailSchema,
  VersionSummarySchema,
} from '../schemas/models.js';
import { OutcomeSchema, OutcomesCountedSchema } from '../schemas/outcomes.js';
import { ProblemSchema } from '../schemas/problem.js';
import { HealthSchema, ReadySchema, RootSchema } from '../schemas/status.js';

/** What the types of generated clients are called: bodies and answers beside these are called by their operation. */
export const COMPONENT_NAMES: ReadonlyMap<z.core.$ZodType, string> = new Map<z.core.$ZodType, string>([
  [AnsweredTensorSchema, 'AnsweredTensor'],
  [ChangedSchema, 'ServingChanged'],
  [ContributionSchema, 'Contribution'],
  [DriftReportSchema, 'DriftReport'],
  [ExampleSchema, 'ExampleDie'],
  [HealthSchema, 'Health'],
  [IndexEntrySchema, 'IndexEntry'],
  [IndexRequestSchema, 'IndexRequest'],
  [InferAnswerSchema, 'InferAnswer'],
  [InferInputSchema, 'InferInput'],
  [InferOutputRequestSchema, 'InferOutputRequest'],
  [InferRequestSchema, 'InferRequest'],
  [LiveSchema, 'ServerLive'],
  [ModelConfigSchema, 'ModelConfig'],
  [ModelMetadataSchema, 'ModelMetadata'],
  [ModelReadySchema, 'ModelReady'],
  [ModelSummarySchema, 'ModelSummary'],
  [ModelsSchema, 'Models'],
  [OipErrorSchema, 'OipError'],
  [OutcomeSchema, 'Outcome'],
  [OutcomesCountedSchema, 'OutcomesCounted'],
  [ParameterSchema, 'Parameter'],
  [PredictionSchema, 'Prediction'],
  [PredictionsSchema, 'Predictions'],
  [ProblemSchema, 'Problem'],
  [ReadySchema, 'Ready'],
  [RootSchema, 'Root'],
  [ServerMetadataSchema, 'ServerMetadata'],
  [ServerReadySchema, 'ServerReady'],
  [StatisticsSchema, 'Statistics'],
  [TensorMetadataSchema, 'TensorMetadata'],
  [VersionDetailSchema, 'VersionDetail'],
  [VersionStatisticsSchema, 'VersionStatistics'],
  [VersionSummarySchema, 'VersionSummary'],
]);
