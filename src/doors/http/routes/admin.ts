import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Actor } from '../../../lifecycle/audit.js';
import type { ModelChanges } from '../../../lifecycle/model-changes.js';
import type { Catalogue } from '../../../models/catalogue.js';
import type { Experiments } from '../../../routing/experiments.js';
import type { OutcomeAccounts } from '../../../routing/outcome-accounts.js';
import { type CanaryPlan, CanaryPlanSchema } from '../../../traffic/canary-plan.js';
import { canaryWarnings } from '../../../traffic/needs.js';
import { bodyOf } from '../die-bodies.js';
import { readJsonBody } from '../read-json-body.js';
import {
  AdminModelParamsSchema,
  AdminVersionParamsSchema,
  BaseRateBodySchema,
  CanaryBodySchema,
  type Changed,
  ChangedSchema,
  type Note,
  NoteBodySchema,
  ResumeBodySchema,
  ShadowBodySchema,
  SplitBodySchema,
} from '../schemas/admin.js';
import { problemAnswer } from '../schemas/problem.js';
import { readPart } from '../schemas/requests.js';
import type { ZodTypeProvider } from '../zod-provider.js';

interface AdminRouteOptions {
  readonly catalogue: Catalogue;
  readonly changes: ModelChanges;
  readonly experiments: Pick<Experiments, 'historyOf'>;
  readonly outcomes: Pick<OutcomeAccounts, 'rateOf'>;
  /** Whether the documentation has the routes: not where nobody can use them. */
  readonly isDocumented: boolean;
}

const PROBLEMS = {
  404: problemAnswer('No such model or version'),
  409: problemAnswer('The change conflicts with what is served'),
  422: problemAnswer('The change breaks the contract'),
  503: problemAnswer('The version cannot be loaded, or the change could not be saved'),
};

/** Documented only: what has no body is no JSON. */
const OPTIONAL_NOTE = { required: false, content: { 'application/json': { schema: NoteBodySchema } } };

/** /admin/models/...: what is served is changed while dies are answered. Every change is audited. */
export function adminRoutes(
  app: FastifyInstance,
  { catalogue, changes, experiments, outcomes, isDocumented }: AdminRouteOptions,
): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const config = { permission: 'admin' as const };

  const planOf = (model: string, asked: z.output<typeof CanaryBodySchema>): CanaryPlan => {
    const from = catalogue.model(model).defaultVersion ?? '';
    return readPart(CanaryPlanSchema, { ...asked, from }, 'the canary');
  };

  const changed = (model: string): Changed => ({
    model,
    default_version: catalogue.model(model).defaultVersion ?? null,
    serving: catalogue.serving.models[model] ?? {},
  });

  const ofVersion = (action: 'load' | 'unload' | 'promote', summary: string) =>
    routes.post(
      `/admin/models/:model/versions/:version/${action}`,
      {
        config,
        schema: {
          hide: !isDocumented,
          tags: ['admin'],
          summary,
          params: AdminVersionParamsSchema,
          body: OPTIONAL_NOTE,
          response: { 200: ChangedSchema, ...PROBLEMS },
        },
      },
      async (request) => {
        const { model, version } = request.params;
        await changes[action](model, version, actorOf(request, noteOf(request)));
        return changed(model);
      },
    );
  ofVersion('load', 'Load a version beside the others');
  ofVersion('unload', 'Take down a version that no die is sent to');
  ofVersion('promote', 'Make a version the default; ends a split, shadows and a canary');

  type Act = (model: string, request: FastifyRequest) => Promise<unknown>;

  const ofModel = (
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    summary: string,
    act: Act,
    body?: z.ZodType,
    warningsOf?: (model: string, request: FastifyRequest) => string[],
  ) =>
    routes.route({
      method,
      url: `/admin/models/:model/${path}`,
      config,
      schema: {
        hide: !isDocumented,
        tags: ['admin'],
        summary,
        params: AdminModelParamsSchema,
        body: body === undefined ? OPTIONAL_NOTE : { content: { 'application/json': { schema: body } } },
        response: { 200: ChangedSchema, ...PROBLEMS },
      },
      handler: async (request) => {
        const { model } = AdminModelParamsSchema.parse(request.params);
        const warnings = warningsOf?.(model, request);
        await act(model, request);
        return { ...changed(model), ...(warnings !== undefined && { warnings }) };
      },
    });

  const withBody = <T extends Note>(
    method: 'POST' | 'PUT',
    path: string,
    summary: string,
    body: z.ZodType<T>,
    act: (model: string, body: Omit<T, keyof Note>, actor: Actor) => Promise<unknown>,
    warningsOf?: (model: string, body: Omit<T, keyof Note>) => string[],
  ) => {
    const askedOf = (request: FastifyRequest) => {
      const { comment, approved_by, ...asked } = readJsonBody(request, body);
      return { asked, note: { comment, approved_by } };
    };
    return ofModel(
      method,
      path,
      summary,
      (model, request) => {
        const { asked, note } = askedOf(request);
        return act(model, asked, actorOf(request, note));
      },
      body,
      warningsOf && ((model, request) => warningsOf(model, askedOf(request).asked)),
    );
  };

  /** A change that needs no body; one may come with a note. */
  const withoutBody = (
    method: 'POST' | 'DELETE',
    path: string,
    summary: string,
    act: (model: string, actor: Actor) => Promise<unknown>,
  ) => ofModel(method, path, summary, (model, request) => act(model, actorOf(request, noteOf(request))));

  withoutBody('POST', 'rollback', 'Make the default before this one the default again', (model, actor) =>
    changes.rollBack(model, actor),
  );
  withBody(
    'PUT',
    'split',
    'Split the traffic between versions; sticky by wafer, lot, equipment or die',
    SplitBodySchema,
    (model, split, actor) => changes.setSplit(model, split, actor),
  );
  withoutBody('DELETE', 'split', 'End the split: the default answers all dies', (model, actor) =>
    changes.setSplit(model, undefined, actor),
  );
  withBody(
    'PUT',
    'shadow',
    'Versions that see the same dies, without a say in the answer',
    ShadowBodySchema,
    (model, { versions }, actor) => changes.setShadow(model, versions, actor),
  );
  withBody(
    'PUT',
    'base-rate',
    'Share of failing dies that the confidences are to be right for',
    BaseRateBodySchema,
    (model, { rate }, actor) =>
      changes.setBaseRate(model, rate === 'outcomes' ? outcomes.rateOf(model) : rate, actor),
  );
  withoutBody(
    'DELETE',
    'base-rate',
    'Confidences right for the share of failing dies of the training again',
    (model, actor) => changes.setBaseRate(model, undefined, actor),
  );
  withBody(
    'POST',
    'canary',
    'Begin an automated canary from the default version',
    CanaryBodySchema,
    (model, asked, actor) => changes.startCanary(model, planOf(model, asked), actor),
    (model, asked) => {
      const plan = planOf(model, asked);
      const { account, elapsedMs } = experiments.historyOf(model, plan.from);
      return canaryWarnings(plan, account, elapsedMs);
    },
  );
  withBody(
    'POST',
    'canary/resume',
    'Let a paused canary go on: to its next step, or to wait for more dies',
    ResumeBodySchema,
    (model, asked, actor) => changes.resumeCanary(model, { ...asked, comment: actor.comment }, actor),
  );
  withoutBody(
    'DELETE',
    'canary',
    'Stop a running canary: its old version answers all dies again',
    (model, actor) => changes.abortCanary(model, actor),
  );
}

/** The note that comes with a change which needs no body. */
function noteOf(request: FastifyRequest): Note {
  return bodyOf(request).pieces.length === 0 ? {} : readJsonBody(request, NoteBodySchema);
}

function actorOf(request: FastifyRequest, { comment, approved_by: approvedBy }: Note): Actor {
  return { id: request.keyId, requestId: request.id, comment, approvedBy };
}
